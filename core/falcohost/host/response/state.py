"""What of actions outlives the agent: the files of marks, and whether all actions are stopped."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from falcohost.host.sealed import unsealed
from falcohost.log import log

#: The names of the files in the state directory.
MARKS: Final = ("actions.marks", "actions.marks-")
STOPPED: Final = "actions.stopped"


def open_marks(directory: Path | None) -> tuple[int, int]:
    """Return the descriptors of the files of marks; where there is no state directory, they are in memory."""
    if directory is not None:
        try:
            return _opened(directory, MARKS[0]), _opened(directory, MARKS[1])
        except OSError as error:
            log.warning("which actions were taken is kept in memory only: %s: %s", directory, error.strerror)
    return _in_memory(), _in_memory()


class Switch:
    """Whether all actions are stopped, in a file of the state *directory*; None: in memory only."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._stopped = directory is not None and os.path.lexists(directory / STOPPED)

    @property
    def stopped(self) -> bool:
        """Return whether they are."""
        return self._stopped

    def turn(self, *, stopped: bool) -> str:
        """Stop or resume all actions; return why that will not outlive the agent, or an empty text."""
        self._stopped = stopped
        if self._directory is None:
            return "there is no state directory"
        try:
            turn(self._directory, stopped=stopped)
        except OSError as error:
            return error.strerror or str(error)
        return ""


def turn(directory: Path, *, stopped: bool) -> None:
    """Write into *directory* whether all actions are stopped.

    :raises OSError: it cannot be written.
    """
    path = directory / STOPPED
    if not stopped:
        path.unlink(missing_ok=True)
    else:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _in_memory() -> int:
    descriptor = unsealed("falcohost marks")
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor


def _opened(directory: Path, name: str) -> int:
    """Open the file *name* for reading and appending; whoever has the directory may have put something else there.

    :raises OSError: it cannot be opened, or is no file of falcohost's.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(directory / name, flags, 0o600)
    status, folder = os.fstat(descriptor), directory.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_uid not in (os.geteuid(), folder.st_uid):
        os.close(descriptor)
        raise OSError(0, f"{name} is no file of falcohost's")
    return descriptor
