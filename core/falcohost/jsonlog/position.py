"""How far files have been read, and the cursor that holds it: what a source goes on from after a crash."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog.identity import SAMPLE, fingerprint
from falcohost.log import log

#: Seconds between two cursors, at least; where one takes long to make, so many times as long.
_PAUSE = 0.25
_SHARE = 20


class Position(msgspec.Struct, array_like=True, frozen=True):
    """How far one file has been read.

    :ivar path: where it was last.
    :ivar file: which file it is, as :class:`~falcohost.jsonlog.identity.Look` says.
    :ivar ident: what the keys of its events begin with; those of a copy are its model's.
    :ivar offset: the byte of the content, unpacked, behind the last text that was handled.
    :ivar size: how large the file was when all of it was read; of a plain file the same as *offset*.
    :ivar head: fingerprint of the first *head_size* bytes of the content.
    :ivar tail: fingerprint of the *tail_size* bytes before *offset*; empty where it is packed.
    :ivar cuts: how often it has been found cut off and begun anew.
    """

    path: str
    file: str
    ident: str
    offset: int = 0
    size: int = 0
    head_size: int = 0
    head: str = ""
    tail: str = ""
    packed: bool = False
    cuts: int = 0
    tail_size: int = 0


class Cursor(msgspec.Struct, frozen=True):
    """How far all files have been read.

    :ivar paths: the files that are followed by their names, so that it is known which were rotated since.
    :ivar past: what is known of contents that are gone, by which their copies are recognised.
    """

    files: list[Position] = []
    past: list[Position] = []
    paths: list[str] = []


class Pace:
    """Makes cursors, not too many: one that is older than it might be is still true, and costs nothing."""

    def __init__(self, make: Callable[[], msgspec.Struct], clock: Clock = SYSTEM) -> None:
        self._make = make
        self._clock = clock
        self._due = 0.0
        self._text = ""
        self._moved = True

    def move(self) -> None:
        """Take note that the last cursor is not the newest any more."""
        self._moved = True

    def cursor(self, *, now: bool = False) -> str:
        """Return the cursor, or once more the last one if it need not be the one of *now*."""
        begun = self._clock.monotonic()
        if now or (self._moved and begun >= self._due):
            self._text = msgspec.json.encode(self._make()).decode()
            self._due = begun + max(_PAUSE, _SHARE * (self._clock.monotonic() - begun))
            self._moved = False
        return self._text


def read_cursor(text: str | None) -> Cursor | None:
    """Return the cursor that *text* holds; None, and a warning, if it holds none of files."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Cursor)
    except (msgspec.DecodeError, UnicodeError):
        log.warning("the cursor is none of files: all is read from the beginning")
        return None


def tail_of(fd: int, offset: int) -> bytes:
    """Return the bytes of a plain file before *offset*."""
    size = min(offset, SAMPLE)
    return os.pread(fd, size, offset - size)


def sampled(fd: int, position: Position) -> Position:
    """Return *position* with the fingerprints of the plain file *fd*."""
    return ended(tail_of(fd, position.offset), begun(os.pread(fd, min(position.offset, SAMPLE), 0), position))


def begun(head: bytes, position: Position) -> Position:
    """Return *position* with the fingerprint of the first bytes of its content."""
    return msgspec.structs.replace(position, head_size=len(head), head=fingerprint(head))


def ended(tail: bytes, position: Position) -> Position:
    """Return *position* with the fingerprint of the last bytes before its place."""
    return msgspec.structs.replace(position, tail_size=len(tail), tail=fingerprint(tail))


def agrees(position: Position, head: bytes, before: bytes) -> bool:
    """Return whether a content that begins with *head*, and has *before* before the place, is what was read."""
    same_head = not position.head_size or fingerprint(head[: position.head_size]) == position.head
    return same_head and (not position.tail_size or fingerprint(before[-position.tail_size :]) == position.tail)


def is_continued(fd: int, position: Position) -> bool:
    """Return whether the plain file *fd* begins with what *position* says that was read, as far as it says so."""
    return agrees(position, os.pread(fd, SAMPLE, 0), tail_of(fd, position.offset))


def skipped(blocks: Iterable[bytes], offset: int) -> Iterator[bytes]:
    """Yield *blocks* without their first *offset* bytes."""
    for block in blocks:
        if offset < len(block):
            yield block[offset:]
        offset = max(0, offset - len(block))
