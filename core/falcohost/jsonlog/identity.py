"""Identifies files: a renamed file stays the same, a new file with a reused inode number is different.

File systems reuse the inode numbers of deleted files; the birth time tells such files apart. Only statx(2) returns it,
which Python does not offer.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
import struct
from dataclasses import dataclass

from falcohost.jsonlog.opening import open_log

#: Number of bytes, at the start of a file and before a position, whose fingerprint identifies the content.
SAMPLE = 512

# linux/stat.h and linux/fcntl.h
_STATX_BTIME = 0x800
_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_BIRTH = 80  # offset of stx_btime

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Look:
    """The state of a file at one moment.

    :ivar file: identity of the file.
    :ivar changed: when its content was last changed, in nanoseconds since the epoch.
    :ivar regular: it is a regular file.
    """

    file: str
    size: int
    changed: int
    regular: bool


def look(file: str | int) -> Look:
    """Return the state of a file, given by path or descriptor.

    :raises OSError: it does not exist.
    """
    status = os.stat(file)  # noqa: PTH116
    born = _birth(file)
    name = f"{status.st_ino:x}.{born:x}" if born else f"{status.st_ino:x}@{status.st_dev:x}"
    return Look(name, status.st_size, status.st_mtime_ns, stat.S_ISREG(status.st_mode))


def open_same(path: str, file: str) -> int:
    """Open *path* if it is still the file *file*; return the descriptor.

    :raises FileNotFoundError: another file is at *path* now.
    :raises OSError: it cannot be opened.
    """
    fd = open_log(path)
    if look(fd).file != file:
        os.close(fd)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return fd


def fingerprint(data: bytes) -> str:
    """Return a hash of *data*."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _birth(file: str | int) -> int:
    """Return the file's birth time in nanoseconds since the epoch; 0 if it is not known."""
    if not hasattr(_libc, "statx"):
        return 0
    found = ctypes.create_string_buffer(256)
    where, path, flags = (file, b"", _AT_EMPTY_PATH) if isinstance(file, int) else (_AT_FDCWD, os.fsencode(file), 0)
    if _libc.statx(where, path, flags, _STATX_BTIME, found) != 0:
        return 0
    (mask,) = struct.unpack_from("<I", found)
    seconds, nanoseconds = struct.unpack_from("<qI", found, _BIRTH)
    return int(seconds * 1_000_000_000 + nanoseconds) if mask & _STATX_BTIME else 0
