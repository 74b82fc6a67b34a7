"""Searches a text for many constants at once: the automaton of Aho and Corasick as a table that a filter walks.

The table begins with the classes of the 256 bytes. A row for each state follows: by class, the offset of the next
state's row, or :data:`HIT` where a constant ends.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Collection
from typing import Final

#: The entry that stands for "a constant ends here".
HIT: Final = 0x7FFFFFFF
#: Size of the classes, and of each entry of a row, in bytes.
CLASSES: Final = 256
ENTRY: Final = 4
_FOUND: Final = -1
#: The bytes that paths and command lines mostly consist of, the most frequent first.
_COMMON: Final = b"/eoratinslcdubpmhfgyv.-k"
_IN_NEARLY_EVERY: Final = 10


def rare_byte(constants: Collection[bytes], *, fold: bool) -> int | None:
    """Return a byte that every text with one of *constants* has and many texts lack, or None if there is none.

    With *fold* it is not a letter, since a text may have the letter in the other case.
    """
    shared = set[int].intersection(*map(set, constants))
    if fold:
        shared = {byte for byte in shared if not bytes((byte,)).isalpha()}
    ranks = {byte: _COMMON.find(byte) % 256 for byte in shared}
    rarest = max(sorted(shared), key=ranks.__getitem__, default=None)
    return rarest if rarest is not None and ranks[rarest] >= _IN_NEARLY_EVERY else None


def size(constants: Collection[bytes]) -> int:
    """Return the largest size that the table of *constants* can have, in bytes."""
    return CLASSES + ENTRY * (1 + sum(map(len, constants))) * (1 + len(set(b"".join(constants))))


def table(constants: Collection[bytes], *, fold: bool) -> bytes:
    """Return the table of *constants*, none of them empty; with *fold* the case of ASCII letters is ignored."""
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
    """Return each state's next states by class; where a word breaks off, the state of its longest usable suffix."""
    following: list[dict[int, int]] = [{}]
    ends = set()
    for word in sorted(words):  # so that the table is the same in every process
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
