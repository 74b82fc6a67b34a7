"""Moves the tails of the rings, in the process that has opened them, as far as the reader says that it came."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from typing import Final

from falcohost.lasting import Memory
from falcohost_syscall.drivers.kmod.rings import HEAD_AT, TAIL_AT

#: Seconds between two looks: as often as a ring may fill up.
PAUSE: Final = 0.05


class Tails:
    """The tails of rings of *size* bytes, in these pages with head and tail.

    The reader may be in an attacker's hands; what it says is compared with what the module has written.
    """

    def __init__(self, pages: Sequence[mmap.mmap], size: int) -> None:
        self._size = size
        self._pages = pages
        self._words = [memoryview(page).cast("I") for page in pages]

    @classmethod
    def of(cls, descriptors: Mapping[int, int], size: int) -> Tails:
        """Return those of these devices, by processor."""
        access = mmap.PROT_READ | mmap.PROT_WRITE
        return cls([mmap.mmap(one, mmap.PAGESIZE, mmap.MAP_SHARED, access) for one in descriptors.values()], size)

    def move(self, memory: Memory) -> bool:
        """Move them to where the words in *memory* say; return False if one says what cannot be."""
        moved = [self._move(words, memory.word(number)) for number, words in enumerate(self._words, 1)]
        return all(moved)

    def _move(self, words: memoryview, to: int) -> bool:
        head, tail = words[HEAD_AT], words[TAIL_AT]
        if not 0 <= to < self._size or (to - tail) % self._size > (head - tail) % self._size:
            return False
        if to != tail:
            words[TAIL_AT] = to
        return True

    def close(self) -> None:
        """Let go of them."""
        for words in self._words:
            words.release()
        for page in self._pages:
            page.close()
