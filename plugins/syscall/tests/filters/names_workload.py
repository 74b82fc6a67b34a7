"""Opens files by names of every kind, at random: run as a program of its own under a source that watches.

Arguments: a seed, how many files to open, and a folder that is filled. Mounts are made in a namespace of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path
from random import Random

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
FOLDERS = ("a", "b", "a/c", "a/c/d", "b/..e")
FILES = ("f", "a/f", "a/.g", "a/c/f", "a/c/d/f", "b/f", "b/..e/f", "b/" + "n" * 100)
HARD_LINKS = {"h": "a/f", "b/..e/g": "a/f", "a/c/h": "b/f"}
LINKS = {"l": "a", "b/l": "../a/c", "a/m": "f", "b/k": "/a/c/d", "a/c/up": "../..", "b/loop": "loop"}
NAMES = (*FILES, *FOLDERS, *LINKS, *HARD_LINKS)
_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, flags: int) -> None:
    """Mount *source* at *target*."""
    if _libc.mount(source.encode(), target.encode(), None, flags, None):
        raise OSError(ctypes.get_errno(), "mount")


def fill(top: Path) -> None:
    """Make folders, files and links below *top*."""
    for name in FOLDERS:
        (top / name).mkdir(parents=True)
    for name in FILES:
        (top / name).write_text("")
    for name, target in HARD_LINKS.items():
        (top / name).hardlink_to(top / target)
    for name, target in LINKS.items():
        (top / name).symlink_to(str(top) + target if target.startswith("/") else target)


def spelled(random: Random, top: str) -> str:
    """Return a path by chance: of what is there, or nearly, straight or with detours."""
    path = random.choice((*NAMES, "l/c/f", "b/l/d/f", "b/k/f", "a/c/up/b/f", "none", "a/none", ""))
    parts = path.split("/")
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        parts.insert(random.randint(0, len(parts)), random.choice((".", "", "..", "a", "../a", "l/..", "." * 3)))
    path = "/".join(parts)
    return path if random.random() < 0.4 else f"{top}{random.choice(('/', '/', '//', '/./'))}{path}"


def move(random: Random, top: Path) -> list[str]:
    """Go somewhere from which the folder is seen otherwise, or stay; return its names there."""
    place = random.choice(("here", "bound", "chroot", "bound chroot"))
    if place != "here":
        if _libc.unshare(CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "unshare")
        mount("none", "/", MS_REC | MS_PRIVATE)
    tops = [str(top)]
    if "bound" in place:
        tops.append(f"{top}.bound")
        Path(tops[1]).mkdir()
        mount(f"{top}/a", tops[1], MS_BIND)
    if "chroot" in place:
        os.chroot(tops[-1])
        tops = ["", "/c" if "bound" in place else "/a"]
    return tops


def main() -> None:
    """Go somewhere, open."""
    random = Random(sys.argv[1])
    top = Path(sys.argv[3])
    os.setgid(54321)
    tops = move(random, top)
    folders = [os.open(path, os.O_RDONLY) for path in {tops[-1] or "/", tops[0] or "/"}]
    for number in range(int(sys.argv[2])):
        if number % 8 == 0:
            with contextlib.suppress(OSError):
                os.chdir(spelled(random, random.choice(tops)) or "/")
        with contextlib.suppress(OSError):
            where = random.choice((None, None, *folders))
            os.close(os.open(spelled(random, random.choice(tops)), random.choice((0, os.O_RDWR)), dir_fd=where))


if __name__ == "__main__":
    main()
