"""Splits a text into records: a sequence of JSON values, usually one per line.

An object is a record; an array, or an object with a wrapper's key, holds several. A text that is not JSON is split line
by line, and a line that is not JSON by its brackets and quotes, so that only the damaged record is lost.
"""

from __future__ import annotations

import contextlib
import json
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeAlias, TypedDict, overload

import msgspec

from falcohost.jsonlog.brackets import Broken, arrays, has_paired_quotes, is_paired, items, values
from falcohost.jsonlog.decode import MALFORMED, mended
from falcohost.jsonlog.refusals import NOT_JSON

#: Returns the texts of the values inside of a value; None if there are none.
_Unwrap: TypeAlias = Callable[[bytes], "list[msgspec.Raw] | None"]

#: Is called with cause and offset of what is skipped.
Refuse: TypeAlias = Callable[[str, int], None]

_BEGINNINGS = (b"{", b"[")
_MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8

#: Separators between the values of a list, with the bracket at its start.
_BETWEEN = re.compile(rb"\[?[ \t\r\n,]*")


class Piece(msgspec.Struct, frozen=True, gc=False):
    """A record's text and the byte at which it begins."""

    offset: int
    raw: bytes


class Pieces(Sequence[Piece]):
    """Records, of which each is copied from its text only when it is asked for."""

    @overload
    def __getitem__(self, index: int) -> Piece: ...

    @overload
    def __getitem__(self, index: slice) -> list[Piece]: ...

    def __getitem__(self, index: int | slice) -> Piece | list[Piece]:
        if isinstance(index, slice):
            return [self.piece(at) for at in range(*index.indices(len(self)))]
        return self.piece(range(len(self))[index])

    @abstractmethod
    def piece(self, index: int) -> Piece:
        """Return one of them."""


class Adjacent(Pieces):
    """Records in one array with one byte between them.

    :param before: for each record, the offset of the first one and the bytes of those before it.
    :ivar raws: their texts, which are parts of the document's.
    """

    def __init__(self, raws: list[msgspec.Raw], before: list[int]) -> None:
        self.raws = raws
        self._before = before

    def __len__(self) -> int:
        return len(self.raws)

    def piece(self, index: int) -> Piece:
        """Return one of them."""
        return Piece(self._before[index] + index, bytes(self.raws[index]))


class Apart(Pieces):
    """Records of *text*, which begins at *offset*: each from its place to a byte before the next."""

    def __init__(self, text: bytes, offset: int, places: list[int]) -> None:
        self._text = text
        self._offset = offset
        self._places = places

    def __len__(self) -> int:
        return len(self._places) - 1

    def piece(self, index: int) -> Piece:
        """Return one of them."""
        begin, end = self._places[index], self._places[index + 1] - 1
        return Piece(self._offset + begin, self._text[begin:end])


class Cutter:
    """Splits texts whose records may be in an array under one of the keys *wrappers*."""

    def __init__(self, wrappers: tuple[str, ...] = ()) -> None:
        self._keys = [json.dumps(key)[1:-1].encode() for key in wrappers]
        self._wrappers = [_wrapper(key) for key in wrappers]
        self._are_words = all(key.isascii() and key.isalnum() for key in wrappers)

    def cut(self, text: bytes, offset: int, refuse: Refuse, *, is_cut_off: bool = False) -> Sequence[Piece]:
        """Return the records of *text*, which begins at *offset*, and values that are not objects, to be refused later.

        *refuse* is called with cause and offset of what cannot be split. *is_cut_off*: the end of *text* is missing,
        which has been counted.
        """
        try:
            return self._adjacent(text, offset) or list(self._pieces(_values(text), text, offset))
        except (*MALFORMED, RecursionError):
            pass
        lines, end = text.split(b"\n"), offset + len(text)
        if len(lines) > 1 and _is_document(text, lines, is_cut_off=is_cut_off):
            lines = [text]
        pieces: list[Piece] = []
        for line in lines:
            is_last = offset + len(line) == end
            pieces += self._cut_line(line, offset, _ignore if is_cut_off and is_last else refuse)
            offset += len(line) + 1
        return pieces

    def _cut_line(self, line: bytes, offset: int, refuse: Refuse) -> list[Piece]:
        """Return the records of *line*, which may be damaged, or be a document over several lines."""
        try:
            return list(self._pieces(_values(line), line, offset))
        except MALFORMED:
            shown = mended(line)
        except RecursionError:
            return list(self._damaged(line, offset, refuse))
        try:
            return list(self._pieces(_values(shown), shown, offset))
        except (*MALFORMED, RecursionError):
            return list(self._damaged(line, offset, refuse))

    def _damaged(self, text: bytes, offset: int, refuse: Refuse) -> Iterator[Piece]:
        """Yield the records of *text*, the damaged ones too, as far as brackets and quotes separate them."""
        if text.startswith(_MARK):
            text, offset = text[len(_MARK) :], offset + len(_MARK)
        if text.lstrip()[:1] not in _BEGINNINGS:
            refuse(NOT_JSON, offset)
            return
        try:
            for begin, end in values(text):
                yield from self._inside(text[begin:end], offset + begin, refuse)
        except Broken as broken:
            raw, offset = text[broken.begin :], offset + broken.begin
            breaks = [offset]
            if self._first_item(raw) is not None:
                yield from self._inside(raw, offset, lambda _, at: breaks.append(at))
            refuse(NOT_JSON, breaks[-1])

    def _inside(self, raw: bytes, offset: int, refuse: Refuse, *, is_item: bool = False) -> Iterator[Piece]:
        """Yield the records in the value *raw*, or *raw* itself; *is_item*: it is an item of an array."""
        at = self._first_item(raw, is_item=is_item)
        if at is None:
            yield Piece(offset, raw)
            return
        try:
            for begin, end in items(raw, at):
                if raw[:1] == b"[":
                    yield from self._inside(raw[begin:end], offset + begin, refuse, is_item=True)
                else:
                    yield Piece(offset + begin, raw[begin:end])
        except Broken as broken:
            refuse(NOT_JSON, offset + broken.begin)

    def _first_item(self, raw: bytes, *, is_item: bool = False) -> int | None:
        """Return the offset of the records in the value *raw*; None if it holds none."""
        if raw[:1] == b"[":
            return None if is_item else 1
        if raw[:1] != b"{" or not self._keys:
            return None
        begins: dict[bytes, int] = {}
        with contextlib.suppress(Broken):
            begins.update(arrays(raw))
        return next((begins[key] for key in self._keys if key in begins), None)

    def _adjacent(self, text: bytes, offset: int) -> Adjacent | None:
        """Return the records of a document that holds them in one array, as most do that hold many; else None."""
        if text[:1] != b"{" or not self._may_wrap(text):
            return None
        try:
            raws = self._wrapped(text)
        except MALFORMED:  # several values, perhaps
            return None
        if not raws:
            return None
        begin = _place(bytes(raws[0]), text, 0)
        before = list(accumulate(map(len, raws), initial=offset + begin))
        end = before.pop() - offset + len(raws) - 1
        # A crafted text may deceive this. Different records have different places in any case, as keys need.
        last = bytes(raws[-1]) + b"]"
        return Adjacent(raws, before) if text.startswith(last, end + 1 - len(last)) else None

    def _pieces(self, values: list[msgspec.Raw], text: bytes, offset: int, *, inner: bool = False) -> Iterator[Piece]:
        """Yield the records in *values*, which are in *text* in this order; *inner*: they are under a wrapper's key."""
        at, may_wrap = 0, not inner and self._may_wrap(text)
        for value in values:
            raw = bytes(value)
            # Mostly one separator is between them. Two values that overlap by all but one byte would be one value.
            at = at + 1 if text.startswith(raw, at + 1) else _place(raw, text, at)
            if raw[:1] == b"[" and not inner:
                yield from self._pieces(_array(raw), raw, offset + at)
            elif may_wrap and (wrapped := self._wrapped(raw)) is not None:
                yield from self._pieces(wrapped, raw, offset + at, inner=True)
            else:
                yield Piece(offset + at, raw)
            at += len(raw)

    def _may_wrap(self, text: bytes) -> bool:
        """Return whether a wrapper's key may be in *text*. It is found by its letters, unless these are escaped."""
        return not self._are_words or any(key in text for key in self._keys) or (bool(self._keys) and b"\\u" in text)

    def _wrapped(self, raw: bytes) -> list[msgspec.Raw] | None:
        return next((items for unwrap in self._wrappers if (items := unwrap(raw)) is not None), None)


def _place(raw: bytes, text: bytes, at: int) -> int:
    """Return the offset of *raw* in *text*, at or after *at*."""
    following = _BETWEEN.match(text, at)
    next_value = at if following is None else following.end()
    return next_value if text.startswith(raw, next_value) else text.find(raw, at)


def _is_document(text: bytes, lines: list[bytes], *, is_cut_off: bool) -> bool:
    """Return whether *text* is a document over several *lines*, rather than lines of which one is damaged."""
    if is_paired(lines[0]):
        return False
    if is_cut_off:
        return lines[1][:1] not in _BEGINNINGS
    # A quote that a damaged line lacks looks like a string over several lines. If another line is a complete value by
    # itself, these are lines.
    return is_paired(text) and (
        all(map(has_paired_quotes, lines)) or not any(line[:1] in _BEGINNINGS and is_paired(line) for line in lines[1:])
    )


def _ignore(cause: str, offset: int) -> None:
    """Count nothing."""


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
