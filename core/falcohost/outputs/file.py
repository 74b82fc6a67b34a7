"""The output ``file``: appends a line per alert. With ``keep_alive`` a file stays open while its name leads to it.

A file that it creates can be read by its owner alone. An existing one keeps its permissions.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from falcohost.alert import Alert
from falcohost.appending import open_appending
from falcohost.clock import SYSTEM, Clock
from falcohost.errors import OutputError
from falcohost.hookspecs import RetriedProblem
from falcohost.log import log
from falcohost.opening import rotate
from falcohost.outputs.lines import ConfiguredFormat, ShortWrite, as_lines, ended, write_all
from falcohost.regular import MIB
from falcohost.rotation import Rotation
from falcohost.writable import write_problem

#: Seconds between two looks whether a file that stays open was moved or removed.
LOOK = 1.0

#: Seconds after which a file is rotated that could not be.
ROTATE_AGAIN: Final = 60.0

#: How the kernel says that there is no room.
_FULL: Final = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))

#: A file that is never rotated.
NEVER: Final = Rotation()


def rotation_of(block: Mapping[str, Any]) -> Rotation:
    """Return how the file of an output with this *block* is rotated."""
    size, hours = block["max_size_mb"], block["max_age_hours"]
    if not size and not hours:
        return NEVER
    return Rotation(max(1, int(size * MIB)) if size else 0, hours, block["max_files"], block["compress"])


def file_problem(filename: str) -> str | None:
    """Return why the file cannot be opened; None if it can."""
    reason = write_problem(filename)
    if reason in _FULL:
        return RetriedProblem(
            f"the output file {filename} cannot be written: {reason}; alerts wait until there is room"
        )
    return None if reason is None else _failure(filename, reason)


def _failure(filename: str, reason: str | None) -> str:
    return f"failed to open output file {filename}: {reason}"


class FileOutput:
    """Writes to *filename*, which is opened at once so that a bad path is an error at start-up.

    :ivar form: see :class:`~falcohost.outputs.lines.LineOutput`.
    :raises OutputError: the file cannot be opened.
    """

    def __init__(
        self,
        filename: str,
        keep_alive: bool,
        encode: Callable[[Alert], bytes],
        rotation: Rotation = NEVER,
        clock: Clock = SYSTEM,
        form: ConfiguredFormat | None = None,
    ) -> None:
        self.form = form
        self._filename = filename
        self._keep_alive = keep_alive
        self._encode = encode
        self._rotation = rotation
        self._clock = clock
        self._now = clock.monotonic
        self._look_at = self._rotate_at = 0.0
        self._descriptor: int | None = None
        self._open()
        if not keep_alive:
            self.close()

    def deliver(self, alerts: list[Alert]) -> None:
        """Append a line per alert; after an error, none of them is in the file.

        :raises OutputError: the file cannot be opened or written.
        """
        self._append(as_lines(alerts, self._encode))

    def write_lines(self, lines: Sequence[bytes]) -> None:
        """Append *lines*, like :meth:`deliver`."""
        self._append(ended(lines))

    def _append(self, data: bytes) -> None:
        descriptor = self._rotated(self._open())
        try:
            write_all(descriptor, data)
        except ShortWrite as short:
            self._take_back(descriptor, short.written)
            self.close()
            raise OutputError(f"cannot write to {self._filename}: {short.error.strerror}") from short
        if not self._keep_alive:
            self.close()

    def reopen(self) -> None:
        """Open the file by its name again, since log rotation may have replaced it."""
        self.close()
        if self._keep_alive:
            self._open()

    def close(self) -> None:
        """Close the file if it is open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        """Return a descriptor of the file that has the name now, or had it :data:`LOOK` seconds ago."""
        if self._descriptor is None:
            self._descriptor = self._opened()
        elif self._now() >= self._look_at:
            try:
                named = self._opened()
            except OutputError:
                self.close()  # it may be what keeps a file system from being repaired
                raise
            if os.path.samestat(os.fstat(named), os.fstat(self._descriptor)):
                os.close(named)
            else:
                self.close()
                self._descriptor = named
        return self._descriptor

    def _rotated(self, descriptor: int) -> int:
        """Rotate the file if it is time; return the descriptor to write to."""
        if self._rotation is NEVER or self._now() < self._rotate_at:
            return descriptor
        if not self._rotation.is_due(os.fstat(descriptor), self._clock.time_ns() / 1e9):
            return descriptor
        try:
            rotate(self._filename, self._rotation)
        except OSError as error:
            self._rotate_at = self._now() + ROTATE_AGAIN
            log.error("output file %s cannot be rotated: %s", self._filename, error.strerror)
            return descriptor
        self.close()
        return self._open()

    def _opened(self) -> int:
        try:
            descriptor = open_appending(self._filename)
        except OSError as error:
            raise OutputError(_failure(self._filename, error.strerror)) from error
        self._look_at = self._now() + LOOK
        return descriptor

    @staticmethod
    def _take_back(descriptor: int, written: int) -> None:
        """Remove the incomplete data of a failed write, unless another process has appended since."""
        with contextlib.suppress(OSError):
            status = os.fstat(descriptor)
            if written and stat.S_ISREG(status.st_mode) and os.lseek(descriptor, 0, os.SEEK_CUR) == status.st_size:
                os.ftruncate(descriptor, status.st_size - written)
