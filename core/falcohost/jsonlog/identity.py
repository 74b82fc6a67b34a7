"""Which file a path stands for now: the same after it was renamed, another where its number was given to a new file.

A file system gives the inode number of a deleted file to the next one, which is told apart by the time of its birth.
That is in statx(2) only, which Python does not have.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
import struct
from dataclasses import dataclass

#: Bytes at the beginning of a file, and before a place in it, by which a content is recognised.
SAMPLE = 512

# linux/stat.h and linux/fcntl.h
_STATX_BTIME = 0x800
_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_BIRTH = 80  # offset of stx_btime

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a file has shown.

    :ivar file: which file it is, in this file system.
    :ivar changed: when its content was changed, in nanoseconds since the epoch.
    :ivar regular: it is a regular file.
    """

    file: str
    size: int
    changed: int
    regular: bool


def look(file: str | int) -> Look:
    """Look at the file that a path, or a descriptor, stands for.

    :raises OSError: there is none.
    """
    status = os.stat(file)  # noqa: PTH116
    born = _birth(file)
    name = f"{status.st_ino:x}.{born:x}" if born else f"{status.st_ino:x}@{status.st_dev:x}"
    return Look(name, status.st_size, status.st_mtime_ns, stat.S_ISREG(status.st_mode))


def open_same(path: str, file: str) -> int:
    """Return a descriptor of what was *file* when it was looked at.

    :raises FileNotFoundError: something else is at *path* now.
    :raises OSError: it cannot be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if look(fd).file != file:
        os.close(fd)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return fd


def fingerprint(data: bytes) -> str:
    """Return a text that is the same for the same *data* only."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _birth(file: str | int) -> int:
    """Return when the file was made, in nanoseconds since the epoch; 0 where nobody knows."""
    if not hasattr(_libc, "statx"):
        return 0
    found = ctypes.create_string_buffer(256)
    where, path, flags = (file, b"", _AT_EMPTY_PATH) if isinstance(file, int) else (_AT_FDCWD, os.fsencode(file), 0)
    if _libc.statx(where, path, flags, _STATX_BTIME, found) != 0:
        return 0
    (mask,) = struct.unpack_from("<I", found)
    seconds, nanoseconds = struct.unpack_from("<qI", found, _BIRTH)
    return int(seconds * 1_000_000_000 + nanoseconds) if mask & _STATX_BTIME else 0
