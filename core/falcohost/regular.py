"""Reads whole files that people name: regular files only, and only up to a size.

A FIFO would block until somebody writes to it, and a device such as ``/dev/zero`` never ends. Logs, which are followed
and read piece by piece, are not read here.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

__all__ = ["BUNDLE", "MIB", "SMALL", "is_there", "read_regular", "require_regular"]

MIB: Final = 1 << 20

#: The largest secret, token or certificate, and the largest file with many certificates, in bytes.
SMALL: Final = MIB
BUNDLE: Final = 16 * MIB

_KINDS: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read_regular(path: str | Path, limit: int) -> bytes:
    """Return the content of the file *path*.

    :raises OSError: it cannot be read, is not a regular file, or has more than *limit* bytes; ``strerror`` says which.
    """
    require_regular(path, limit)  # before it is opened, which already does something to some devices
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor), path, limit)  # it may be another file by now
        content = file.read(limit + 1)  # files of /proc have no size
    if len(content) > limit:
        raise _too_large(path, limit)
    return content


def is_there(path: str | Path) -> bool:
    """Return whether there is a file or folder *path*, as far as this user may know."""
    return os.path.exists(path)  # noqa: PTH110 # which raises where it may not look


def require_regular(path: str | Path, limit: int) -> None:
    """Check that *path* is a regular file of at most *limit* bytes, for those who can only hand on a path.

    :raises OSError: it is not; ``strerror`` says why.
    """
    try:
        status = Path(path).stat()
    except ValueError as error:
        raise OSError(errno.EINVAL, "The name is none that a file can have", str(path)) from error
    _check(status, path, limit)


def _check(status: os.stat_result, path: str | Path, limit: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "of another kind")
        raise OSError(errno.EINVAL, f"It is {kind}, not a regular file", str(path))
    if status.st_size > limit:
        raise _too_large(path, limit)


def _too_large(path: str | Path, limit: int) -> OSError:
    size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit} bytes"
    return OSError(errno.EFBIG, f"It is larger than {size}", str(path))
