"""Reads files below the root of another process, as that process would see them, whatever it has put there.

Links are followed by hand, one name after the other, so that none leads out: an absolute one begins at that root, and
``..`` ends there. openat2(2) could do it (``RESOLVE_IN_ROOT``), but whether it opens for reading only cannot be told by
a filter of system calls, which is what keeps this process from writing into others.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from typing import Final

#: Most bytes that are read of a file, most links that are followed, and most folders below the root.
MOST: Final = 100 << 10
LINKS: Final = 8
DEPTH: Final = 16

_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextlib.contextmanager
def root_of(pid: int) -> Iterator[int]:
    """Yield a descriptor of the root of a process.

    :raises OSError: there is no such process, or it has the root of this one.
    """
    root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if os.path.samestat(os.fstat(root), os.stat("/")):  # noqa: PTH116
            raise OSError("the process has the root of this one")
        yield root
    finally:
        os.close(root)


def read_all(root: int, paths: Sequence[str], known: bytes) -> list[bytes | None]:
    """Return the state of the files at *paths* below *root*, and, if that is not *known*, their contents."""
    files = [_opened(root, path) for path in paths]
    try:
        state = b";".join(b"" if file is None else _state(file) for file in files)
        if state == known:
            return [state]
        return [state, *(None if file is None else _content(file) for file in files)]
    finally:
        for file in files:
            if file is not None:
                os.close(file)


def _state(file: int) -> bytes:
    found = os.fstat(file)
    return repr((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)).encode()


def _content(file: int) -> bytes | None:
    """Return the content of a file; of one that is too long, the whole lines at its beginning."""
    data = b""
    with contextlib.suppress(OSError):
        while len(data) <= MOST and (more := os.read(file, MOST + 1 - len(data))):
            data += more
    return data if len(data) <= MOST else data[: data.rfind(b"\n", 0, MOST) + 1]


def _opened(root: int, path: str) -> int | None:
    """Return a descriptor of the regular file at *path* below *root*, or None."""
    walk = _Walk(root)
    try:
        return walk.opened(path)
    except (OSError, ValueError):
        return None
    finally:
        walk.close()


class _Walk:
    """A way below *root*."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._folders: list[int] = []
        self._links = 0

    def opened(self, path: str) -> int | None:
        """Return a descriptor of the regular file at *path*; None: there is none."""
        todo = path.split("/")[::-1]
        while todo:
            name = todo.pop()
            if name == "..":
                self._up(1)
            elif name not in ("", "."):
                found = os.open(name, _LOOK, dir_fd=self._here)
                kind = os.fstat(found)
                if stat.S_ISREG(kind.st_mode):
                    os.close(found)
                    return None if todo else self._regular(name, kind)
                todo += self._into(found, kind.st_mode)
        return None

    @property
    def _here(self) -> int:
        return self._folders[-1] if self._folders else self._root

    def _into(self, found: int, mode: int) -> list[str]:
        """Go into a folder; of a link, return the names to go on with, in reverse."""
        self._folders.append(found)
        if stat.S_ISDIR(mode) and len(self._folders) <= DEPTH:
            return []
        self._links += 1
        if not stat.S_ISLNK(mode) or self._links > LINKS:
            raise ValueError("this leads nowhere")
        target = os.readlink("", dir_fd=found)
        self._up(len(self._folders) if target.startswith("/") else 1)
        return target.split("/")[::-1]

    def _regular(self, name: str, kind: os.stat_result) -> int | None:
        """Open the regular file *name* here, unless another has taken its place meanwhile."""
        file = os.open(name, _READ, dir_fd=self._here)
        if os.path.samestat(os.fstat(file), kind):
            return file
        os.close(file)
        return None

    def _up(self, count: int) -> None:
        for folder in self._folders[len(self._folders) - count :] if count else ():
            os.close(folder)
        del self._folders[max(0, len(self._folders) - count) :]

    def close(self) -> None:
        """Close what is open."""
        self._up(len(self._folders))
