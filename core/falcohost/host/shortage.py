"""Says what the system or its limits do not allow any more, and how to mend that: it is no mistake of falcohost's."""

from __future__ import annotations

import errno
from typing import Final

from falcohost.host.memory import NO_MEMORY

_NO_FILE: Final = (
    "too many files are open: the process has reached its limit; raise it (ulimit -n; LimitNOFILE= in the unit of a"
    " service)"
)

#: By error number, what is short, and what mends it.
_SHORT: Final = {
    errno.EMFILE: _NO_FILE,
    errno.ETOOMANYREFS: _NO_FILE,  # unix(7): the limit is also one of descriptors that are on their way to others
    errno.ENFILE: "too many files are open: the system has reached its limit; raise it (sysctl fs.file-max)",
    errno.ENOMEM: NO_MEMORY,
    errno.EFBIG: "no file may have so many bytes, and no memory that processes share; raise the limit (ulimit -f;"
    " LimitFSIZE= in the unit of a service)",
    errno.ENOSPC: "no space is left on the device; make room",
    errno.EDQUOT: "the disk quota is used up; make room, or raise it",
}

#: What Python says if pthread_create(3) fails.
_NO_THREAD: Final = "can't start new thread"

NO_PROCESS: Final = (
    "no more processes are allowed; raise the limit (ulimit -u; TasksMax= in the unit of a service; sysctl"
    " kernel.pid_max and kernel.threads-max)"
)


def shortage(error: BaseException) -> str | None:
    """Return what was short that *error* is about, and the mend; None: it is about something else."""
    if isinstance(error, MemoryError):
        return NO_MEMORY
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        return NO_PROCESS
    if not isinstance(error, OSError) or error.errno not in _SHORT:
        return None
    text = _SHORT[error.errno]
    return text if error.filename is None else f"{error.filename}: {text}"


def no_process(error: OSError) -> str:
    """Return why there can be no process: what was short, or what the system says itself."""
    return NO_PROCESS if error.errno == errno.EAGAIN else shortage(error) or error.strerror or str(error)
