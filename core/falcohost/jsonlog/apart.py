"""Finds the records of a list by what is between them, so that each is decoded alone, just before it is matched.

A server writes each record of a list with the same first member. Where that stands between two brackets, a record is
supposed to begin. This is proven by decoding: if what is before the first record opens an array under a wrapper's key,
and each part up to some place is one object, then these are the first items of that array, whatever follows: how a JSON
text is to be read does not depend on that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

#: What is behind the last record.
_ENDS: Final = (b"}]}", b"}]}\n")

#: Bytes that are searched at once: for more, bytes.find() takes a way that is slower where hits are so near.
_AT_ONCE: Final = 16 << 10


class Lists:
    """Lists under one of the keys *wrappers*, each record of which begins with the same one of *heads*.

    :param heads: each is the first bytes of an object: its first key, and perhaps a part of the value.
    """

    def __init__(self, wrappers: tuple[str, ...], heads: Iterable[bytes]) -> None:
        keys = b"|".join(re.escape(json.dumps(key)).encode() for key in wrappers)
        # Members before the list are of a kind that cannot be mistaken, and none of them is another list.
        before = rb'\{(?:(?!%b)"\w++":(?:"[\w./:-]*+"|\{\}),)*+(?:%b):\[' % (keys, keys)
        self._heads = tuple(heads)
        self._before = re.compile(before).match if wrappers and self._heads else None

    def head(self, text: bytes) -> tuple[bytes, int] | None:
        """Return the head of the first record of *text*, and where it begins; None: it is no such list."""
        if self._before is None or not text.endswith(_ENDS) or (before := self._before(text)) is None:
            return None
        begin = before.end()
        head = next((head for head in self._heads if text.startswith(head, begin)), None)
        return None if head is None else (head, begin)


def places(text: bytes, head: bytes, begin: int) -> list[int]:
    """Return where the records of *text* begin, and where another one would: each ends a byte before the next.

    :param head: the head of a list, and *begin* where its first record begins (:meth:`Lists.head`).
    """
    mark = b"}," + head
    size, end, found = len(mark), len(text), [begin]
    find, add, at = text.find, found.append, begin
    while at < end:
        place = find(mark, at, at + _AT_ONCE)
        if place < 0:
            at += _AT_ONCE - size
        else:
            add(place + 2)
            at = place + size
    found.append(text.rindex(b"]", end - 3) + 1)
    return found
