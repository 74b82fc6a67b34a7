"""Takes JSON apart as it comes, so that no more than one object is in memory: the items of a list, lines of a watch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from falcohost_k8smeta.http import Failed

#: Most bytes of an object; the API server stores none of more than 1.5 MiB in a denser form.
MOST_OBJECT: Final = 4 << 20

#: Most bytes of a list before and behind its items.
_MOST_AROUND: Final = 1 << 16

#: A text, which may have no end yet, or a bracket.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+("?)|[{}\[\]]', re.DOTALL)
_ITEMS: Final = re.compile(rb'"items"\s*:\s*(?:(\[)|null)')


class Items:
    """The items of a list.

    :ivar head: the list without them, once all have been read.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.head = b""
        self._pieces = iter(pieces)
        self._buffer = bytearray()

    def __iter__(self) -> Iterator[bytes]:
        """Yield each item.

        :raises Failed: it is no list, or something in it is too long.
        """
        begin = self._begin()
        before = bytes(self._buffer[: begin.end()])
        del self._buffer[: begin.end()]
        if begin[1]:
            yield from self._items()
        while self._more():
            if len(self._buffer) > _MOST_AROUND:
                raise Failed("the answer is no list of objects")
        self.head = before + bytes(self._buffer)

    def _begin(self) -> re.Match[bytes]:
        """Return what stands before the first item."""
        while (found := _ITEMS.search(bytes(self._buffer))) is None:
            if len(self._buffer) > _MOST_AROUND or not self._more():
                raise Failed("the answer is no list of objects")
        return found

    def _items(self) -> Iterator[bytes]:
        depth = start = at = 0
        while True:
            at, token, depth_after = self._next(at, start, depth)
            if depth == 0 and depth_after > 0:
                start = at - 1
            elif depth_after < 0:
                del self._buffer[: at - 1]
                return
            elif depth > 0 and depth_after == 0 and token in b"}]":
                yield bytes(self._buffer[start:at])
                del self._buffer[:at]
                at = start = 0
            depth = depth_after

    def _next(self, at: int, start: int, depth: int) -> tuple[int, bytes, int]:
        """Return the end of the next text or bracket, itself, and how deep it leads; the item began at *start*."""
        while True:
            found = _TOKEN.search(self._buffer, at)
            if found is not None and found[1] != b"":
                token = found[0]
                return found.end(), token, depth + (token in b"{[") - (token in b"}]")
            at = len(self._buffer) if found is None else found.start()
            if at - start > MOST_OBJECT or len(self._buffer) - at > MOST_OBJECT:
                raise Failed("the answer has an object that is too large")
            if not self._more(max(len(self._buffer) - at, 1)):
                raise Failed("the answer is cut")

    def _more(self, least: int = 1) -> bool:
        """Read on, *least* bytes if there are so many, so that a long text is not looked through for each piece."""
        before = len(self._buffer)
        while len(self._buffer) - before < least and (piece := next(self._pieces, b"")):
            self._buffer += piece
        return len(self._buffer) > before


class Lines:
    """The lines of a watch.

    :param miss: called for each line that is too long, as soon as it is.
    """

    def __init__(self, pieces: Iterable[bytes], miss: Callable[[], None]) -> None:
        self._pieces = pieces
        self._miss = miss

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line that is complete."""
        buffer, skips = bytearray(), False
        for piece in self._pieces:
            buffer += piece
            *lines, rest = bytes(buffer).split(b"\n") if b"\n" in piece else (buffer,)
            for line in lines:
                if skips:
                    skips = False
                elif line.strip():
                    yield bytes(line)
            buffer = bytearray(rest)
            if len(buffer) > MOST_OBJECT:
                if not skips:
                    self._miss()
                skips = True
            if skips:
                buffer.clear()
