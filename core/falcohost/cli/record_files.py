"""Writes captures to disk: up to a size, one file after the other, and none that ends inside an event."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from falcohost.errors import FalcohostError
from falcohost.host.shortage import shortage

#: Number of bytes that are written at a time, unless some time has passed before.
CHUNK: Final = 1 << 18
#: The least size to which a capture may be limited, in bytes.
LEAST: Final = 1 << 20
#: What the names of captures end with.
_ENDINGS: Final = (".scap.gz", ".scap", ".gz")
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
#: A good balance of time and size for data that comes all the time.
_LEVEL: Final = 3


class RecordError(FalcohostError):
    """A capture cannot be written."""


class CaptureFiles:
    """The files of one recording.

    Bytes are written in chunks that end with a whole event; a compressed file is a series of gzip members, one for each
    chunk. So a file is whole after each chunk, whatever happens then, and one on a disk that becomes full is cut to the
    chunks that had room.

    :ivar paths: the files that are kept, the newest last; *size*: the bytes of that one; *written*: of all files.
    :ivar events: the number of events that were written, of all files.
    :ivar full: there is no room for more in the size that was asked for.
    """

    def __init__(
        self,
        path: Path,
        begin: Callable[[], bytes],
        *,
        limit: int | None = None,
        keep: int | None = None,
        packed: bool = False,
    ) -> None:
        """Make the first file.

        :param begin: returns what a file begins with.
        :param limit: most bytes of a file.
        :param keep: when a file has those, another begins, and so many are kept; None: there is one file.
        :param packed: compress the files.
        :raises RecordError: the file exists, or cannot be written.
        """
        self._path, self._begin, self._packed = path, begin, packed
        self._limit, self._keep = limit, keep
        self._number = 0
        self._parts: list[bytes] = []
        self._waiting = 0
        self._file = -1
        self.paths: deque[Path] = deque()
        self.size = self.written = self.events = 0
        self._taken = 0
        self.full = False
        #: The newest file has no event yet.
        self._is_new = False
        self._next()

    def write(self, data: bytes, events: int = 1) -> None:
        """Take an event, or what counts as so many *events*.

        :raises RecordError: there is no room on the disk; what was written before is whole.
        """
        self._parts.append(data)
        self._waiting += len(data)
        self._taken += events
        if self._waiting >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what has been taken; begin the next file when this one has no room for another chunk.

        :raises RecordError: there is no room on the disk; what was written before is whole.
        """
        data = b"".join(self._parts)
        self._parts.clear()
        self._waiting = 0
        if data:
            self._put(data)
            self.events += self._taken
            self._taken = 0
            if self._is_new:
                self._is_new = False
                self._remove_oldest()
        if self._limit is None or self.size + 2 * CHUNK < self._limit or not data:
            return
        if self._keep is None:
            self.full = True
        else:
            self._next()

    def close(self) -> None:
        """Write what has been taken, and close the file; one of several that has no event yet is removed.

        Falco opens no capture without an event.

        :raises RecordError: there is no room on the disk; what was written before is whole.
        """
        try:
            self.flush()
        finally:
            self._close()
            if self._is_new and len(self.paths) > 1:
                with contextlib.suppress(OSError):
                    self.paths.pop().unlink()

    def _close(self) -> None:
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def _next(self) -> None:
        """Begin the next file."""
        self._close()
        self._number += 1
        path = self._path if self._keep is None else numbered(self._path, self._number)
        try:
            self._file = os.open(path, _FLAGS, 0o600)
        except FileExistsError:
            raise RecordError(f"{path} exists already; name a new file") from None
        except OSError as error:
            raise RecordError(f"{path} cannot be written: {error.strerror}") from error
        self.paths.append(path)
        self.size = 0
        self._put(self._begin())
        self._is_new = True

    def _remove_oldest(self) -> None:
        """Remove the oldest files if there are too many."""
        while self._keep is not None and len(self.paths) > self._keep:
            with contextlib.suppress(OSError):
                self.paths[0].unlink()
            self.paths.popleft()

    def _put(self, data: bytes) -> None:
        if self._packed:
            data = gzip.compress(data, _LEVEL)
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            self._parts.clear()
            self._waiting = 0
            why = shortage(error) if error.errno == errno.EFBIG else error.strerror
            raise RecordError(f"{self.paths[-1]} cannot be written: {why}") from error
        self.size += len(data)
        self.written += len(data)


def numbered(path: Path, number: int) -> Path:
    """Return the path of one of several files: ``FILE-000001.scap``."""
    ending = next((one for one in _ENDINGS if path.name.endswith(one)), "")
    return path.with_name(f"{path.name.removesuffix(ending)}-{number:06}{ending}")
