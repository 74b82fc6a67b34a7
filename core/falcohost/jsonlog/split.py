"""Splits a text into records: a sequence of JSON values, usually one per line.

An object is a record; an array, or an object with a wrapper's key, holds several. If part of a text is not JSON, its
lines are split one by one, so that the other records are not lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict

import msgspec

from falcohost.jsonlog.decode import MALFORMED, mended
from falcohost.jsonlog.refusals import NOT_JSON, TOO_DEEP, Refused

#: Returns the texts of the values inside of a value; None if there are none.
_Unwrap: TypeAlias = Callable[[bytes], "list[msgspec.Raw] | None"]


#: Separators between the values of a list, with the bracket at its start.
_BETWEEN = re.compile(rb"\[?[ \t\r\n,]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A record's text and the byte at which it begins."""

    offset: int
    raw: bytes


class Cutter:
    """Splits texts whose records may be in an array under one of the keys *wrappers*."""

    def __init__(self, wrappers: tuple[str, ...] = ()) -> None:
        self._wrappers = [_wrapper(key) for key in wrappers]

    def cut(self, text: bytes, offset: int, refuse: Callable[[str, int], None]) -> Iterator[Piece]:
        """Yield the records of *text*, which begins at *offset*, and values that are not objects, to be refused later.

        *refuse* is called with cause and offset of what is not JSON.
        """
        try:
            values = _values(text)
        except (*MALFORMED, RecursionError):
            yield from self._cut_lines(text, offset, refuse)
            return
        yield from self._pieces(values, text, offset)

    def _cut_lines(self, text: bytes, offset: int, refuse: Callable[[str, int], None]) -> Iterator[Piece]:
        lines = text.split(b"\n")
        if len(lines) > 1 and not _can_be_read(lines[0]) and _can_be_read(text):
            lines = [text]  # a document over several lines
        for line in lines:
            try:
                values, shown = _values_of_any_text(line)
            except Refused as refused:
                refuse(str(refused), offset)
            else:
                yield from self._pieces(values, shown, offset)
            offset += len(line) + 1

    def _pieces(self, values: list[msgspec.Raw], text: bytes, offset: int, *, inner: bool = False) -> Iterator[Piece]:
        """Yield the records in *values*, which are in *text* in this order; *inner*: they are under a wrapper's key."""
        at = 0
        for value in values:
            raw = bytes(value)
            at = _place(raw, text, at)
            if raw[:1] == b"[" and not inner:
                yield from self._pieces(_array(raw), raw, offset + at)
            elif not inner and (wrapped := self._wrapped(raw)) is not None:
                yield from self._pieces(wrapped, raw, offset + at, inner=True)
            else:
                yield Piece(offset + at, raw)
            at += len(raw)

    def _wrapped(self, raw: bytes) -> list[msgspec.Raw] | None:
        return next((items for unwrap in self._wrappers if (items := unwrap(raw)) is not None), None)


def _place(raw: bytes, text: bytes, at: int) -> int:
    """Return the offset of *raw* in *text*, at or after *at*."""
    following = _BETWEEN.match(text, at)
    next_value = at if following is None else following.end()
    return next_value if text.startswith(raw, next_value) else text.find(raw, at)


def _can_be_read(text: bytes) -> bool:
    try:
        _values_of_any_text(text)
    except Refused as refused:
        return str(refused) != NOT_JSON
    return True


def _values_of_any_text(text: bytes) -> tuple[list[msgspec.Raw], bytes]:
    """Return the values in *text*, and the text that contains them: *text* itself, or with its Unicode repaired.

    :raises Refused: it is not JSON.
    """
    try:
        try:
            return _values(text), text
        except MALFORMED:
            shown = mended(text)
            return _values(shown), shown
    except MALFORMED:
        raise Refused(NOT_JSON) from None
    except RecursionError:
        raise Refused(TOO_DEEP) from None


_values: Callable[[bytes], list[msgspec.Raw]] = msgspec.json.Decoder(msgspec.Raw).decode_lines
_array: Callable[[bytes], list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _wrapper(key: str) -> _Unwrap:
    kind: Any = TypedDict("Wrapper", {key: list[msgspec.Raw]}, total=False)  # type: ignore[misc]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode

    def unwrap(text: bytes) -> list[msgspec.Raw] | None:
        try:
            found: list[msgspec.Raw] | None = decode(text).get(key)
        except msgspec.ValidationError:
            return None  # not an object, or the key does not hold an array
        return found

    return unwrap
