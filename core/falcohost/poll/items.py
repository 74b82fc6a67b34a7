"""An answer that is an array, cut into its items, so that one that is odd does not spoil those beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from falcohost.jsonlog.decode import MALFORMED
from falcohost.jsonlog.inputs import MIB
from falcohost.jsonlog.refusals import Refused

NOT_AN_ARRAY = "not a JSON array"

#: Small enough that a text of a few items, and what is decoded of it, stays in the processor's cache.
_TOGETHER = 128 << 10

#: Bytes of an array that are looked at one token after the other, which takes a second for each 5 MiB.
_MOST_ODD = 16 * MIB

#: A string, one that does not end, or what stands around items.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{},]', re.DOTALL)
_DEEPER = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}

_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def array_items(text: bytes) -> list[bytes]:
    """Return the texts of the items in the JSON array *text*; an item need not be JSON.

    :raises Refused: it is no array.
    """
    try:
        return [bytes(item) for item in _array(text)]
    except (*MALFORMED, RecursionError):
        return list(_by_brackets(text))


def texts_of(items: Iterable[bytes]) -> list[bytes]:
    """Return *items* in as few texts as are handled well, an item in a line or over several."""
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
    text = text.strip()
    if not (text[:1] == b"[" and text[-1:] == b"]") or len(text) > _MOST_ODD:
        raise Refused(NOT_AN_ARRAY)
    depth, begin = 0, 1
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if depth == 1 and (mark == b"," or (mark == b"]" and token.end() == len(text))):
            if item := text[begin : token.start()].strip():
                yield item
            begin = token.end()
        depth += _DEEPER.get(mark, 0)
        if depth == 0 or mark == b'"':
            break
    if begin != len(text):
        raise Refused(NOT_AN_ARRAY)
