"""The folder of captures: whether it is safe to write to, what is in it, and new files in it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final, NamedTuple

from falcohost.trust import distrust

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def folder_of(prefix: str) -> Path:
    """Return the folder in which captures with this *prefix* are."""
    return Path(prefix).parent


def folder_problem(prefix: str) -> str | None:
    """Return why captures cannot be written below *prefix*, and what mends it; None: they can.

    The folder may be one such as ``/tmp``, in which others cannot change what is not theirs.
    """
    folder = folder_of(prefix)
    try:
        status = folder.stat()
    except OSError as error:
        return f"the folder of capture.path_prefix, {folder}, cannot be used: {error.strerror}; make it, mode 0700"
    if not stat.S_ISDIR(status.st_mode):
        return f"the folder of capture.path_prefix, {folder}, is no folder"
    reason = distrust(folder)
    return None if reason is None else f"other users could put captures elsewhere: {reason}"


class Found(NamedTuple):
    """The captures in the folder: their number, and their bytes."""

    files: int
    size: int


class Folder:
    """The folder of captures, which is open.

    :ivar problem: why nothing can be written; None: nothing is known to be wrong.
    """

    def __init__(self, prefix: str) -> None:
        """Open it. Files will belong to the user that this process has now."""
        self._prefix = prefix
        self._owner = os.geteuid(), os.getegid()
        begin = re.escape(Path(prefix).name)
        self._name = re.compile(rf"{begin}_\d{{20}}_\d{{20}}\.scap", re.ASCII)
        self._descriptor = -1
        self.problem = folder_problem(prefix)
        if self.problem is None:
            try:
                self._descriptor = os.open(folder_of(prefix).resolve(), _FOLDER)
            except OSError as error:
                self.problem = f"{folder_of(prefix)} cannot be opened: {error.strerror}"

    def found(self) -> Found:
        """Return what there is; files of other users with such names do not count.

        :raises OSError: the folder cannot be read.
        """
        files = size = 0
        for name in os.listdir(self._descriptor):  # noqa: PTH208
            if self._name.fullmatch(name):
                try:
                    status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(status.st_mode) and status.st_uid in (self._owner[0], os.geteuid()):
                    files += 1
                    size += status.st_size
        return Found(files, size)

    def free(self) -> int:
        """Return how many bytes are free on the disk.

        :raises OSError: this cannot be told.
        """
        status = os.fstatvfs(self._descriptor)
        return status.f_bavail * status.f_frsize

    def create(self, ts: int, number: int) -> tuple[int, str]:
        """Return the descriptor of a new file that is named after an event, and its path.

        :raises OSError: there is one of that name, or none can be made.
        """
        path = f"{self._prefix}_{ts:020}_{number:020}.scap"
        descriptor = os.open(Path(path).name, _NEW, 0o600, dir_fd=self._descriptor)
        if os.geteuid() != self._owner[0]:
            os.fchown(descriptor, *self._owner)
        return descriptor, path
