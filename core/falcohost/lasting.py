"""Memory that outlives the process that writes it: two halves, of which one counts (provisional).

Which half counts, and how much of it, stands in one word of eight bytes, which is stored at once. So a process that
ends while it writes, at any moment, leaves what was there before.

What is to count together with something else can be prepared first. Whoever finds it prepared then knows by that
whether it counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Iterable
from typing import Final

__all__ = ["Memory", "keep_to_oneself", "make"]

_PAGE: Final = mmap.PAGESIZE
_HALF: Final = 1
#: The size is fixed: who has the descriptor cannot take pages away under a reader.
_SEALS: Final = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
#: From include/uapi/linux/fcntl.h: what is mapped for writing stays so, and nothing else will be.
_SEAL_FUTURE_WRITE: Final = 0x10
#: The word in the first page that says which half counts and how much of it; behind it are further ones for the owner.
_STATE: Final = 0
#: The last word there: the same of what is prepared; 0: nothing is.
_PREPARED: Final = _PAGE // 8 - 1


def make(name: str, half: int) -> int:
    """Return the descriptor of new memory with two halves of *half* bytes, a multiple of the page size.

    It takes only as much as is written.

    :raises OSError: a limit does not allow it, such as that of the size of files, which counts for memory, too.
    """
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    size = _PAGE + 2 * half
    try:
        os.ftruncate(descriptor, size)
    except OSError as error:
        os.close(descriptor)
        raise OSError(error.errno, error.strerror, f"memory '{name}' of {size} bytes") from None
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


def keep_to_oneself(descriptor: int) -> None:
    """Let only this process write, which has the memory as a :class:`Memory`; others can read it."""
    with contextlib.suppress(OSError):  # before Linux 5.1
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEAL_FUTURE_WRITE)


class Memory:
    """The memory with this *descriptor*; *writable*: it is not only read."""

    def __init__(self, descriptor: int, *, writable: bool = True) -> None:
        size = os.fstat(descriptor).st_size
        self.half = (size - _PAGE) // 2
        self._map = mmap.mmap(descriptor, size, access=mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ)
        # A memoryview stores 64 bits at once.
        self._words = memoryview(self._map)[:_PAGE].cast("Q")

    @property
    def size(self) -> int:
        """Return the number of bytes that count."""
        return min(self._words[_STATE] >> _HALF, self.half)

    def word(self, number: int) -> int:
        """Return a word of the owner, from 1 on."""
        return self._words[number]

    def set_word(self, number: int, value: int) -> None:
        """Set a word of the owner."""
        self._words[number] = value

    def read(self) -> bytes:
        """Return the bytes that count, as they were at one moment."""
        while True:
            state = self._words[_STATE]
            start = self._start(state & _HALF)
            data = self._map[start : start + min(state >> _HALF, self.half)]
            if state == self._words[_STATE]:
                return data

    def append(self, data: bytes) -> bool:
        """Add *data* to what counts; return False if there is no room for it."""
        state = self._words[_STATE]
        size = state >> _HALF
        if size + len(data) > self.half:
            return False
        start = self._start(state & _HALF) + size
        self._map[start : start + len(data)] = data
        self._words[_STATE] = state + (len(data) << _HALF)
        return True

    def replace(self, *parts: bytes) -> bool:
        """Have *parts* count instead of what did, whose pages are given back; return False if there is no room."""
        return self.replace_by(parts)

    def replace_by(self, parts: Iterable[bytes]) -> bool:
        """Do as :meth:`replace`, with parts of which each is written before the next one is asked for."""
        if not self._prepare(parts):
            return False
        self.commit()
        return True

    def prepare(self, *parts: bytes) -> bool:
        """Write *parts*, one behind the other, beside what counts; return False if there is no room."""
        return self._prepare(parts)

    def _prepare(self, parts: Iterable[bytes]) -> bool:
        self._words[_PREPARED] = 0
        other = 1 - (self._words[_STATE] & _HALF)
        start, size = self._start(other), 0
        for data in parts:
            if size + len(data) > self.half:
                return False
            self._map[start + size : start + size + len(data)] = data
            size += len(data)
        self._words[_PREPARED] = size << _HALF | other
        return True

    def prepared(self) -> bytes:
        """Return what is prepared; empty if nothing is."""
        state = self._words[_PREPARED]
        start = self._start(state & _HALF)
        return self._map[start : start + min(state >> _HALF, self.half)]

    def commit(self) -> None:
        """Have what is prepared count instead of what did, whose pages are given back."""
        state = self._words[_PREPARED]
        self._words[_STATE] = state
        self._words[_PREPARED] = 0
        with contextlib.suppress(OSError):
            self._map.madvise(mmap.MADV_REMOVE, self._start(1 - (state & _HALF)), self.half)

    def drop(self) -> None:
        """Forget what is prepared."""
        self._words[_PREPARED] = 0

    def clear(self) -> None:
        """Have nothing count."""
        self._words[_STATE] = 0

    def close(self) -> None:
        """Unmap it; the descriptor stays open."""
        self._words.release()
        self._map.close()

    def _start(self, half: int) -> int:
        return _PAGE + half * self.half
