"""Positions in files, and the cursor made of them, from which a source resumes after a crash."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog.identity import SAMPLE, fingerprint
from falcohost.log import log

#: Least number of seconds between two cursors, and least multiple of the time that making one takes.
_PAUSE = 0.25
_SHARE = 20


class Position(msgspec.Struct, array_like=True, frozen=True):
    """The position in one file.

    :ivar path: its last known path.
    :ivar file: identity of the file (:class:`~falcohost.jsonlog.identity.Look`).
    :ivar ident: prefix of the keys of its events; a copy has that of the original.
    :ivar offset: offset in the uncompressed content after the last text that was handled.
    :ivar size: size of the file when all of it was read; for a plain file the same as *offset*.
    :ivar head: fingerprint of the first *head_size* bytes of the content.
    :ivar tail: fingerprint of the *tail_size* bytes before *offset*; empty if it is compressed.
    :ivar cuts: how often it was truncated and started again.
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
    """The positions in all files.

    :ivar files: files that may still exist.
    :ivar past: contents of files that are gone, to recognise their copies.
    :ivar paths: the followed paths, to find out which files were rotated since.
    """

    files: list[Position] = []
    past: list[Position] = []
    paths: list[str] = []


class Pace:
    """Limits how often cursors are made: an older cursor is still correct, and costs nothing."""

    def __init__(self, make: Callable[[], msgspec.Struct], clock: Clock = SYSTEM) -> None:
        self._make = make
        self._clock = clock
        self._due = 0.0
        self._text = ""
        self._moved = True

    def move(self) -> None:
        """Record that the last cursor is outdated."""
        self._moved = True

    def cursor(self, *, now: bool = False) -> str:
        """Return a new cursor, or the last one again if it is recent enough and *now* is false."""
        begun = self._clock.monotonic()
        if now or (self._moved and begun >= self._due):
            self._text = msgspec.json.encode(self._make()).decode()
            self._due = begun + max(_PAUSE, _SHARE * (self._clock.monotonic() - begun))
            self._moved = False
        return self._text


def read_cursor(text: str | None) -> Cursor | None:
    """Return the cursor in *text*; None, with a warning, if it is not a cursor of files."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Cursor)
    except (msgspec.DecodeError, UnicodeError):
        log.warning("the stored cursor does not belong to files: reading from the beginning")
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
    """Return whether content that begins with *head*, and has *before* before the position, is what was read."""
    same_head = not position.head_size or fingerprint(head[: position.head_size]) == position.head
    return same_head and (not position.tail_size or fingerprint(before[-position.tail_size :]) == position.tail)


def is_continued(fd: int, position: Position) -> bool:
    """Return whether the plain file *fd* still begins with the content that *position* was taken in."""
    return agrees(position, os.pread(fd, SAMPLE, 0), tail_of(fd, position.offset))


def skipped(blocks: Iterable[bytes], offset: int) -> Iterator[bytes]:
    """Yield *blocks* without their first *offset* bytes."""
    for block in blocks:
        if offset < len(block):
            yield block[offset:]
        offset = max(0, offset - len(block))
