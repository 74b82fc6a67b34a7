"""Opens files that a rule wants, and others, while folders are renamed and mounted over.

Arguments: a folder on the root's file system, and how many opens. Three processes open files, from the machine's
namespace, from one of its own, and from another root directory. The last line is how many opens the rule wants.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).parent))

from names_workload import CLONE_NEWNS, MS_BIND, MS_PRIVATE, MS_REC, mount

#: Folders of which the rule wants ``wanted`` and ``stable``.
PLACES: Final = ("wanted", "other", "stable", "plain")
#: How many files each turn of a process opens.
PLAINLY, INSIDE, BELOW = 50, 3, 2
_EXCHANGE, _HERE, _DETACH = 2, -100, 2
_libc = ctypes.CDLL(None, use_errno=True)


def fill(base: Path) -> None:
    """Make folders with the same names in them, and links to the files of the last one."""
    for place in PLACES:
        (base / place).mkdir()
        (base / place / "f").write_text("")
    for place in ("wanted", "other"):
        (base / place / "to").symlink_to(base / "stable/f")
        (base / place / "mounted").mkdir()


def unshare() -> None:
    """Enter a mount namespace of one's own."""
    if _libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", "/", MS_REC | MS_PRIVATE)


def opened(path: str, flags: int = os.O_RDONLY, folder: int | None = None) -> int:
    """Open and close a file; return whether that was possible."""
    try:
        os.close(os.open(path, flags, 0o600, dir_fd=folder))
    except FileNotFoundError:
        return 0
    return 1


def disturb(base: Path) -> None:
    """Exchange, rename, mount and link without an end."""
    one, other = os.fsencode(base / "wanted"), os.fsencode(base / "other")
    while True:
        _libc.renameat2(_HERE, one, _HERE, other, _EXCHANGE)
        (base / "other").rename(base / "away").rename(base / "other")
        with contextlib.suppress(OSError):
            mount(f"{base}/stable", f"{base}/other/mounted", MS_BIND)
        _libc.umount2(other + b"/mounted", _DETACH)
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            (base / "other/link").hardlink_to(base / "other/f")
            (base / "other/link").unlink()


def plainly(base: Path, number: int) -> int:
    """Open by paths from the root, from a folder and by links, and let a folder's address be another's."""
    wanted = 0
    for _ in range(10):
        opened(f"{base}/other/f")
        opened(f"{base}/plain/f")
        wanted += opened(f"{base}/wanted/f") + opened(f"{base}/other/to")
    new, away = base / f"d{number}", base / f"f{number}"
    new.mkdir()
    opened(f"{new}/f", os.O_CREAT)
    opened(f"{new}/f")
    (new / "f").unlink()
    new.rmdir()
    new = base / f"stable/d{number}"
    new.mkdir()
    folder = os.open(new, os.O_PATH)  # which is wanted, too
    wanted += 1 + opened(f"{new}/f", os.O_CREAT) + opened(f"{new}/f") + opened("f", folder=folder)
    wanted += opened(f"../../stable/d{number}/f", folder=folder)
    os.close(folder)
    (new / "f").rename(away)
    opened(str(away))
    away.rename(new / "f")
    wanted += opened(f"{new}/f")
    (new / "f").unlink()
    new.rmdir()
    return wanted


def inside(base: Path, _: int) -> int:
    """Open in a mount namespace in which the folder that nobody wants is another one's."""
    return sum(opened(f"{base}/{path}") for path in ("other/f", "stable/f", "wanted/f")) - 1


def below(_: Path, __: int) -> int:
    """Open where the folder is the root directory: its path from there is nobody's, but init's is."""
    opened("/other/f")
    return opened("/stable/f")


def run(base: Path, enter: Callable[[], object], turn: Callable[[Path, int], int], turns: int) -> int:
    """Do *turn* so often in a process of its own; return the descriptor that tells how many opens were wanted."""
    reads, writes = os.pipe()
    if os.fork() == 0:
        enter()
        wanted = sum(turn(base, number) for number in range(turns))
        os.write(writes, b"%d" % wanted)
        os._exit(0)
    os.close(writes)
    return reads


def main() -> None:
    """Do what the arguments say."""
    base, opens = Path(sys.argv[1]), int(sys.argv[2])
    fill(base)

    def with_mount() -> None:
        unshare()
        mount(f"{base}/stable", f"{base}/stable", MS_BIND)

    disturber = os.fork()
    if disturber == 0:
        unshare()
        mount(f"{base}/stable", f"{base}/stable", MS_BIND)
        disturb(base)
    told = [
        run(base, lambda: None, plainly, opens // 2 // PLAINLY),
        run(base, with_mount, inside, opens // 4 // INSIDE),
        run(base, lambda: os.chroot(base), below, opens // 4 // BELOW),
    ]
    wanted = 0
    for descriptor in told:
        wanted += int(os.read(descriptor, 64))
    os.kill(disturber, signal.SIGKILL)
    print(wanted)


main()
