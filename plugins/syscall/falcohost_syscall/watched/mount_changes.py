"""Tells whether something was mounted or unmounted: then paths lead elsewhere, and no directory has changed."""

from __future__ import annotations

import os
import select
from typing import Final

_MOUNTS: Final = "/proc/self/mountinfo"


class MountChanges:
    """The mounts of this process; where they cannot be read, they may always have changed."""

    def __init__(self, path: str = _MOUNTS) -> None:
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1
        self._poll = select.poll()
        if self._file >= 0:
            self._poll.register(self._file, select.POLLPRI)

    def changed(self) -> bool:
        """Return whether mounts have changed since the last call, or since this was made (proc_pid_mounts(5))."""
        return self._file < 0 or bool(self._poll.poll(0))

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
