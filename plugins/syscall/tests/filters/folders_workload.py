"""Opens files that a rule wants, and others, while folders and files are renamed and folders are mounted over.

Arguments: a folder on the root's file system, and how many opens. Three processes open files, from the machine's
namespace, from one of its own, and from another root directory. The output is a JSON object: how many opens
of each passed path the rule wants.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

sys.path.append(str(Path(__file__).parent))

from names_workload import CLONE_NEWNS, MS_BIND, MS_PRIVATE, MS_REC, mount

#: Folders of which the rule wants ``wanted`` and ``stable``, and what is called ``asked`` in all.
PLACES: Final = ("wanted", "other", "stable", "plain")
#: How many files each turn of a process opens.
PLAINLY, INSIDE, BELOW = 60, 3, 2
#: How many names new folders have in turn.
NAMES: Final = 20
_EXCHANGE, _HERE, _DETACH = 2, -100, 2
_libc = ctypes.CDLL(None, use_errno=True)


def fill(base: Path) -> None:
    """Make folders with the same names in them, and links to the files of the last one."""
    for place in PLACES:
        (base / place).mkdir()
        (base / place / "f").write_text("")
    for name in ("asked", "not"):
        (base / "plain" / name).touch()
    for place in ("wanted", "other"):
        (base / place / "to").symlink_to(base / "stable/f")
        (base / place / "mounted").mkdir()


def unshare() -> None:
    """Enter a mount namespace of one's own."""
    if _libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", "/", MS_REC | MS_PRIVATE)


class Opener:
    """Opens files, and counts which of those that the rule wants were there, by the path that was passed."""

    def __init__(self) -> None:
        self.wanted: Counter[str] = Counter()

    def plain(self, path: str, flags: int = os.O_RDONLY) -> None:
        """Open and close a file that nobody wants."""
        self._opened(path, flags, None)

    def want(self, path: str, flags: int = os.O_RDONLY, folder: int | None = None) -> None:
        """Open and close a file that the rule wants."""
        if self._opened(path, flags, folder):
            self.wanted[path] += 1

    def _opened(self, path: str, flags: int, folder: int | None) -> bool:
        try:
            os.close(os.open(path, flags, 0o600, dir_fd=folder))
        except FileNotFoundError:
            return False
        return True


def disturb(base: Path) -> None:
    """Exchange, rename, mount and link without an end."""
    one, other = os.fsencode(base / "wanted"), os.fsencode(base / "other")
    asked, asked_not = os.fsencode(base / "plain/asked"), os.fsencode(base / "plain/not")
    while True:
        _libc.renameat2(_HERE, one, _HERE, other, _EXCHANGE)
        (base / "other").rename(base / "away").rename(base / "other")
        with contextlib.suppress(OSError):
            mount(f"{base}/stable", f"{base}/other/mounted", MS_BIND)
        _libc.umount2(other + b"/mounted", _DETACH)
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            (base / "other/link").hardlink_to(base / "other/f")
            (base / "other/link").unlink()
        _libc.renameat2(_HERE, asked, _HERE, asked_not, _EXCHANGE)


def plainly(files: Opener, base: Path, number: int) -> None:
    """Open by paths from the root, from a folder and by links, and let a folder's address be another's."""
    for _ in range(10):
        files.plain(f"{base}/other/f")
        files.plain(f"{base}/plain/f")
        files.want(f"{base}/plain/asked")
        files.want(f"{base}/wanted/f")
        files.want(f"{base}/other/to")
    new, away = base / f"d{number % NAMES}", base / f"f{number % NAMES}"
    new.mkdir()
    files.plain(f"{new}/f", os.O_CREAT)
    files.plain(f"{new}/f")
    (new / "f").unlink()
    new.rmdir()
    new = base / f"stable/d{number % NAMES}"
    new.mkdir()
    folder = os.open(new, os.O_PATH)  # which is wanted, too
    files.wanted[str(new)] += 1
    files.want(f"{new}/f", os.O_CREAT)
    files.want(f"{new}/f")
    files.want("f", folder=folder)
    files.want(f"../../stable/d{number % NAMES}/f", folder=folder)
    os.close(folder)
    (new / "f").rename(away)
    files.plain(str(away))
    away.rename(new / "f")
    files.want(f"{new}/f")
    (new / "f").unlink()
    new.rmdir()


def inside(files: Opener, base: Path, _: int) -> None:
    """Open in a mount namespace in which the folder that nobody wants is another one's."""
    files.plain(f"{base}/other/f")
    files.want(f"{base}/stable/f")
    files.want(f"{base}/wanted/f")


def below(files: Opener, _: Path, __: int) -> None:
    """Open where the folder is the root directory: its path from there is nobody's, but init's is."""
    files.plain("/other/f")
    files.want("/stable/f")


def run(base: Path, enter: Callable[[], object], turn: Callable[[Opener, Path, int], None], turns: int) -> int:
    """Do *turn* so often in a process of its own; return the descriptor that tells which opens were wanted."""
    reads, writes = os.pipe()
    if os.fork() == 0:
        enter()
        files = Opener()
        for number in range(turns):
            turn(files, base, number)
        with os.fdopen(writes, "w") as out:
            json.dump(files.wanted, out)
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
    wanted: Counter[str] = Counter()
    for descriptor in told:
        with os.fdopen(descriptor) as found:
            wanted.update(json.load(found))
    os.kill(disturber, signal.SIGKILL)
    print(json.dumps(wanted))


main()
