"""Reads the blocks of a capture file (``.scap``, plain or gzip).

A block is its type, its size, its body, padding, and its size again. Nothing in the file is trusted: an impossible
size, or a file that ends within a block, is an error that says where.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from falcohost import SourceError

#: Larger than any block that Falco writes, in bytes.
LARGEST: Final = 64 << 20

SECTION: Final = 0x0A0D0D0A
_MAGIC: Final = 0x1A2B3C4D
_MAJOR: Final = 1
_GZIP: Final = b"\x1f\x8b"
_HEAD: Final = struct.Struct("<II")
_SECTION: Final = struct.Struct("<IHH")
_SIZE: Final = struct.Struct("<I")
#: Type, size, and size again.
_FRAME: Final = 12


class CaptureError(SourceError):
    """A capture cannot be read, or only in part; the text says which, where and why."""


class Block(NamedTuple):
    """One block; *place* is its offset in bytes in the uncompressed file."""

    type: int
    body: bytes
    place: int


class Capture:
    """An open capture.

    :ivar name: the path with which it was opened.
    """

    def __init__(self, path: str) -> None:
        """Open the capture.

        :raises CaptureError: the file does not exist, or is not a capture.
        """
        self.name = path
        self._place = 0
        self._unpacked: gzip.GzipFile | None = None
        try:
            self._file = Path(path).open("rb")  # noqa: SIM115  closed by close
        except OSError as error:
            raise CaptureError(f"engine.replay.capture_file: {path}: {os.strerror(error.errno or 0)}.") from error
        try:
            if self._file.peek(len(_GZIP)).startswith(_GZIP):
                self._unpacked = gzip.GzipFile(fileobj=self._file)
            self._read_section(self._next())
        except BaseException:
            self.close()
            raise

    def problem(self, place: int, text: str) -> CaptureError:
        """Return an error about this place of the file."""
        return CaptureError(f"{self.name}: byte {place}: {text}.")

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks after the first.

        :raises CaptureError: the file ends within a block, or has something else in place of a block.
        """
        while (block := self._next()) is not None:
            if block.type == SECTION:  # another capture is appended
                self._read_section(block)
            else:
                yield block

    def close(self) -> None:
        """Close the file."""
        if self._unpacked is not None:
            self._unpacked.close()
        self._file.close()

    def _read_section(self, block: Block | None) -> None:
        if block is None or block.type != SECTION or len(block.body) < _SECTION.size:
            raise self.problem(0, "this is not a capture of Falco or sysdig")
        magic, major, _ = _SECTION.unpack_from(block.body)
        if magic != _MAGIC:
            raise self.problem(block.place, "this is not a capture of Falco or sysdig, or has another byte order")
        if major > _MAJOR:
            raise self.problem(block.place, f"version {major} of the capture format is not supported")

    def _next(self) -> Block | None:
        place = self._place
        head = self._read(_HEAD.size)
        if not head:
            return None
        if len(head) < _HEAD.size:
            raise self.problem(place, "the file ends inside a block")
        kind, size = _HEAD.unpack(head)
        if not _FRAME <= size <= LARGEST:
            raise self.problem(place, f"a block cannot have {size} bytes")
        rest = self._read(size - _HEAD.size)
        if len(rest) < size - _HEAD.size:
            raise self.problem(place, "the file ends inside a block")
        if _SIZE.unpack_from(rest, len(rest) - _SIZE.size)[0] != size:
            raise self.problem(place, "the two sizes of a block differ")
        return Block(kind, rest[: -_SIZE.size], place)

    def _read(self, size: int) -> bytes:
        try:
            data = (self._unpacked or self._file).read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise self.problem(self._place, f"the file cannot be read: {error}") from error
        self._place += len(data)
        return data
