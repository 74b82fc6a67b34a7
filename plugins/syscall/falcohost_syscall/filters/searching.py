"""Searching a text for many constants at once: the automaton of Aho and Corasick as one table, which a filter walks.

First comes the class of each of the 256 bytes, then a row for each state: by class, the place of the next state's row,
or :data:`HIT` where a constant is found.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Collection
from typing import Final

#: Stands in the table where a constant ends.
HIT: Final = 0x7FFFFFFF
#: Bytes before the first row, and of each entry of a row.
CLASSES: Final = 256
ENTRY: Final = 4
_FOUND: Final = -1
#: What paths and command lines are made of, what is there most often first; nearly every text has the first ones.
_COMMON: Final = b"/eoratinslcdubpmhfgyv.-k"
_IN_NEARLY_EVERY: Final = 10


def rare_byte(constants: Collection[bytes], *, fold: bool) -> int | None:
    """Return a byte without which no text has any of *constants*; None if texts without it are rare.

    With *fold* it is no letter, of which a text may have the other case.
    """
    shared = set[int].intersection(*map(set, constants))
    if fold:
        shared = {byte for byte in shared if not bytes((byte,)).isalpha()}
    ranks = {byte: _COMMON.find(byte) % 256 for byte in shared}
    rarest = max(sorted(shared), key=ranks.__getitem__, default=None)
    return rarest if rarest is not None and ranks[rarest] >= _IN_NEARLY_EVERY else None


def size(constants: Collection[bytes]) -> int:
    """Return how many bytes the table of *constants* has at most."""
    return CLASSES + ENTRY * (1 + sum(map(len, constants))) * (1 + len(set(b"".join(constants))))


def table(constants: Collection[bytes], *, fold: bool) -> bytes:
    """Return the table of *constants*, none of them empty; with *fold* both cases of ASCII's letters are equal."""
    if fold:
        constants = {constant.lower() for constant in constants}
    letters = sorted(set(b"".join(constants)))
    classes = bytearray(CLASSES)  # class 0: in no constant
    for number, letter in enumerate(letters, 1):
        classes[letter] = number
        if fold:
            classes[bytes((letter,)).upper()[0]] = number
    width = len(letters) + 1
    states = _automaton({constant.translate(classes) for constant in constants}, width)
    entries = [HIT if state == _FOUND else ENTRY * width * state for row in states for state in row]
    return bytes(classes) + struct.pack(f"={len(entries)}I", *entries)


def _automaton(words: Collection[bytes], width: int) -> list[list[int]]:
    """Return for each state the next one by class; where a word breaks off, the one that the rest has come to."""
    following: list[dict[int, int]] = [{}]
    ends = set()
    for word in words:
        state = 0
        for letter in word:
            state = following[state].setdefault(letter, len(following))
            if state == len(following):
                following.append({})
        ends.add(state)
    rows = [[0] * width for _ in following]
    fallback = [0] * len(following)
    queue = deque([0])
    while queue:
        state = queue.popleft()
        row = rows[state] = list(rows[fallback[state]])
        for letter, child in following[state].items():
            fallback[child] = row[letter]
            if child in ends or row[letter] == _FOUND:
                row[letter] = _FOUND
            else:
                row[letter] = child
                queue.append(child)
    return rows
