"""Finds out whether a start could write a file or make one, and leaves nothing behind.

access(2) says yes to root for what cannot be made, as in ``/proc``, so something is made. What is there already may be
a running agent's, whose rules tell of everybody who changes it or opens it for writing: there, access(2) is asked.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

#: Bytes that something which is written has to have room for, at least.
ROOM: Final = 4096


def write_problem(path: str) -> str | None:
    """Return why *path* cannot be written, as open(2) would say it; None if it can."""
    file = Path(path)
    try:
        mode = file.stat().st_mode
        if stat.S_ISREG(mode):
            if not os.access(file, os.W_OK, effective_ids=True):
                os.close(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))  # which says why
            _check_room(file, ROOM)
    except FileNotFoundError:
        return creation_problem(file.parent, ".falcohost-")
    except OSError as error:
        return error.strerror
    if stat.S_ISDIR(mode):
        return os.strerror(errno.EISDIR)
    # Opening something else, such as a FIFO, may wait or do something.
    allowed = stat.S_ISREG(mode) or os.access(file, os.W_OK, effective_ids=True)
    return None if allowed else os.strerror(errno.EACCES)


def creation_problem(folder: Path, prefix: str, room: int = ROOM) -> str | None:
    """Return why nothing can be made in *folder*, as the kernel says it; None if something can.

    :param prefix: how the name of what is made there, and removed at once, begins.
    :param room: bytes that there has to be room for.
    """
    import shutil
    import tempfile  # which are large, and the supervisor has no use for them

    try:
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
        try:
            (made / "room").write_bytes(bytes(room))  # a quota may forbid it, too
        finally:
            shutil.rmtree(made)
        _check_room(folder, room)
    except OSError as error:
        return error.strerror
    return None


def use_problem(folder: Path, room: int) -> str | None:
    """Return why what is in *folder* cannot grow by *room* bytes, as far as that is told without making anything."""
    try:
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            is_read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
            return os.strerror(errno.EROFS if is_read_only else errno.EACCES)
        _check_room(folder, room)
    except OSError as error:
        return error.strerror
    return None


def _check_room(path: Path, room: int) -> None:
    """Check that the file system has room for who is not root, which may have a reserve.

    :raises OSError: it has not.
    """
    status = os.statvfs(path)
    if status.f_blocks and status.f_bavail * status.f_frsize < room:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
