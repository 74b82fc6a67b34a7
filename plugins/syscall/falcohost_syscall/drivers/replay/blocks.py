"""Reads the blocks of a capture file (``.scap``, plain or gzip).

A block is its type, its size, its body, padding, and its size again. Nothing in the file is trusted. What is damaged is
passed over up to the next block that is whole, and reported with its place; places are offsets in the uncompressed
file.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from falcohost import SourceError

#: Larger than any block that Falco writes, in bytes.
LARGEST: Final = 64 << 20

SECTION: Final = 0x0A0D0D0A
_MAGIC: Final = 0x1A2B3C4D
_MAJOR: Final = 1
#: How a capture begins in the other byte order: type of the first block and, behind its size, the magic number.
_OTHER_ORDER: Final = (SECTION.to_bytes(4, "big"), _MAGIC.to_bytes(4, "big"))
_GZIP: Final = b"\x1f\x8b"
_ANY_WRAPPER: Final = 32 + zlib.MAX_WBITS
HEAD: Final = struct.Struct("<II")
_SECTION: Final = struct.Struct("<IHH")
SIZE: Final = struct.Struct("<I")
#: Type, size, and size again.
FRAME: Final = 12
#: Bytes that are read from the file at a time, and the most that come of them.
READ: Final = 1 << 18
_CHUNK: Final = 1 << 20
#: The types of blocks that may follow damage: those with events, and the beginning of an appended capture.
_NEXT: Final = re.compile(
    b"|".join(re.escape(SIZE.pack(kind)) for kind in (0x216, 0x217, 0x208, 0x204, 0x221, 0x222, 0x8010ABCD, SECTION))
)


class CaptureError(SourceError):
    """A capture cannot be read; the text says which, where and why."""


class Block(NamedTuple):
    """One block; *place* is its offset in bytes in the uncompressed file."""

    type: int
    body: bytes
    place: int


class Damage(NamedTuple):
    """A part of the file that cannot be used: from *place* on *size* bytes, or all that is left."""

    place: int
    size: int | None
    text: str

    def __str__(self) -> str:
        if self.size is None:
            return f"byte {self.place}: {self.text}. The rest of the capture is not read"
        return f"byte {self.place}: {self.text}. {self.size} bytes are left out"


class Capture:
    """An open capture.

    :ivar name: the path with which it was opened.
    :ivar data: what is in memory of the file; *base* is the place of its first byte.
    :ivar place: the place in :attr:`data` behind the first block.
    :ivar size: the bytes of the file as it is on disk, and *read*: how many of them were read.
    :ivar broken: why nothing more can be read, if that is so.
    """

    def __init__(self, path: str) -> None:
        """Open the capture.

        :raises CaptureError: the file does not exist, or is not a capture.
        """
        self.name = path
        self.data, self.base, self.read = b"", 0, 0
        self.broken: str | None = None
        self._packed = b""
        self._is_over = False
        self._inflate: zlib._Decompress | None = None
        try:
            self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115  closed by close
            self.size = os.fstat(self._file.fileno()).st_size
            begin = self._file.read(len(_GZIP))
            self._packed = begin or b""
            self.read = len(self._packed)
        except OSError as error:
            raise CaptureError(f"engine.replay.capture_file: {path}: {os.strerror(error.errno or 0)}.") from error
        if self._packed == _GZIP:
            self._inflate = zlib.decompressobj(_ANY_WRAPPER)
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        """Read the first block."""
        found = self.block(0)
        if found is None:
            raise self.problem(0, "the file is empty")
        if self.data.startswith(_OTHER_ORDER[0]) and self.data[HEAD.size :].startswith(_OTHER_ORDER[1]):
            raise self.problem(0, "this capture has the other byte order, which Falco does not read either")
        if self.data and not self.data.startswith(SIZE.pack(SECTION)):
            raise self.problem(0, "this is not a capture of Falco or sysdig")
        if isinstance(found, Damage):
            raise self.problem(found.place, found.text)
        self.check_section(found)
        self.place = HEAD.unpack_from(self.data)[1]

    def problem(self, place: int, text: str) -> CaptureError:
        """Return an error about this place of the file."""
        return CaptureError(f"{self.name}: byte {place}: {text}.")

    def check_section(self, block: Block) -> None:
        """Check the block at which a capture begins.

        :raises CaptureError: it is not one, or one of another version.
        """
        if block.type != SECTION or len(block.body) < _SECTION.size:
            raise self.problem(block.place, "this is not a capture of Falco or sysdig")
        magic, major, _ = _SECTION.unpack_from(block.body)
        if magic != _MAGIC:
            raise self.problem(block.place, "this is not a capture of Falco or sysdig, or has another byte order")
        if major > _MAJOR:
            raise self.problem(block.place, f"version {major} of the capture format is not supported")

    def more(self, place: int) -> bool:
        """Read on, and forget what is before *place* in :attr:`data`, its new begin; return whether there is more."""
        kept = self.data[place:]
        parts, size = [kept], 0
        while new := self._next():
            parts.append(new)
            size += len(new)
            if size >= len(kept):  # what is long is not copied again and again
                break
        self.base += place
        self.data = b"".join(parts)
        return bool(size)

    def block(self, place: int) -> Block | Damage | None:
        """Return the block at *place* in :attr:`data`, or what is wrong with it; None at the end of the file.

        Reads on if need be, in which case the block is at the begin of :attr:`data`.
        """
        while len(self.data) - place < HEAD.size:
            if not self.more(place):
                left = len(self.data)
                return None if not left and self.broken is None else self._ends()
            place = 0
        kind, size = HEAD.unpack_from(self.data, place)
        if not FRAME <= size <= LARGEST:
            return Damage(self.base + place, None, f"a block cannot have {size} bytes")
        while len(self.data) - place < size:
            if not self.more(place):
                return self._ends()
            place = 0
        if SIZE.unpack_from(self.data, place + size - SIZE.size)[0] != size:
            return Damage(self.base + place, None, "the two sizes of a block differ")
        return Block(kind, self.data[place + HEAD.size : place + size - SIZE.size], self.base + place)

    def _ends(self) -> Damage:
        return Damage(self.base, None, self.broken or "the file ends inside a block")

    def next_whole(self, place: int) -> int | None:
        """Return the place in :attr:`data` of the next block behind *place* that is whole; None if there is none."""
        at = place + 1
        while True:
            match = _NEXT.search(self.data, at)
            if match is None:
                at = max(at, len(self.data) - SIZE.size + 1)
                if not self.more(at):
                    return None
                at = 0
                continue
            at = self._wholly(match.start())
            if HEAD.size <= len(self.data) - at and not isinstance(self.block(at), Damage):
                return at
            at += 1

    def _wholly(self, place: int) -> int:
        """Read on until what may be a block at *place* is in :attr:`data`, if it can be; return its place then."""
        while len(self.data) - place < HEAD.size or self._is_cut(place):
            if not self.more(place):
                break
            place = 0
        return place

    def _is_cut(self, place: int) -> bool:
        size: int = HEAD.unpack_from(self.data, place)[1]
        return FRAME <= size <= LARGEST and len(self.data) - place < size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _next(self) -> bytes:
        """Return the next bytes of the uncompressed file; none at its end, or where it cannot be read."""
        if self.broken is not None or self._is_over:
            return b""
        try:
            if self._inflate is None:
                new, self._packed = self._packed, b""
                return new + self._raw(_CHUNK)
            return self._unpacked()
        except (OSError, zlib.error) as error:
            self.broken = f"the file cannot be read: {error}"
            return b""

    def _raw(self, size: int) -> bytes:
        new = self._file.read(size) or b""
        self.read += len(new)
        return new

    def _unpacked(self) -> bytes:
        """Return the next bytes of a compressed file, which may have several members."""
        while self._inflate is not None:
            if not self._packed:
                self._packed = self._raw(READ)
            is_end = not self._packed
            before = self._inflate.copy()
            try:
                found = self._inflate.decompress(self._packed, _CHUNK)
            except zlib.error as error:
                self.broken = f"the file cannot be read: {error}"
                return _before_damage(before, self._packed)
            if is_end and not found:
                raise zlib.error("the compressed data ends too early")
            self._packed = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._packed = self._inflate.unused_data
                while len(self._packed) < len(_GZIP) and (more := self._raw(READ)):
                    self._packed += more
                is_more = self._packed.startswith(_GZIP)
                self._inflate = zlib.decompressobj(_ANY_WRAPPER) if is_more else None
                self._is_over = not self._packed  # what is written to it from now on is no part of it
            if found:
                return found
        return b""


def _before_damage(inflate: zlib._Decompress, packed: bytes) -> bytes:
    """Return what can be unpacked of *packed*, which is damaged somewhere, before the damage: at most a chunk."""
    found = b""
    size = len(packed)
    while size and packed and len(found) < _CHUNK:
        kept = inflate.copy()
        try:
            found += inflate.decompress(packed[:size], _CHUNK)
            packed = inflate.unconsumed_tail + packed[size:]
        except zlib.error:
            inflate = kept
            size //= 2
    return found
