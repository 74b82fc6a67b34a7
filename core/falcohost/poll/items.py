"""Splits a JSON array into its items, so that an invalid item does not affect the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from falcohost.jsonlog import brackets
from falcohost.jsonlog.decode import MALFORMED
from falcohost.jsonlog.refusals import Refused

NOT_AN_ARRAY = "not a JSON array"

#: Small enough that a text of a few items and its decoded records stay in the processor's cache.
_TOGETHER = 128 << 10

_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def array_items(text: bytes) -> list[bytes]:
    """Return the texts of the items in the JSON array *text*; an item need not be valid JSON.

    :raises Refused: *text* is not an array.
    """
    try:
        return [bytes(item) for item in _array(text)]
    except (*MALFORMED, RecursionError):
        return list(_by_brackets(text))


def texts_of(items: Iterable[bytes]) -> list[bytes]:
    """Join *items* into few texts of a good size, separated by newlines."""
    texts: list[bytes] = []
    lines: list[bytes] = []
    size = 0
    for item in items:
        if lines and size + len(item) > _TOGETHER:
            texts.append(b"\n".join(lines))
            lines, size = [], 0
        lines.append(item)
        size += len(item)
    return [*texts, b"\n".join(lines)] if lines else texts


def _by_brackets(text: bytes) -> Iterator[bytes]:
    try:
        whole = list(brackets.values(text))
        if len(whole) != 1 or text[whole[0][0] :][:1] != b"[":
            raise Refused(NOT_AN_ARRAY)
        for begin, end in brackets.items(text, whole[0][0] + 1):
            yield text[begin:end]
    except brackets.Broken:
        raise Refused(NOT_AN_ARRAY) from None
