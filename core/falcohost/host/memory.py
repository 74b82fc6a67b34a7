"""The memory of a process once it has loaded what it needs."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from falcohost.code_memory import give_back
from falcohost.libc import LIBC

# Of pymalloc: sizes of blocks, how large the pools are in which they are, and the size of the count of those that are
# taken, with which a pool begins.
_SIZES: Final = range(48, 513, 16)
_POOL: Final = 1 << 14
_COUNT: Final = 4
# So many are taken of a pool that was just begun: one, and what finding that out takes.
_FEW: Final = 5
# Its sum with a number takes 32 bytes, for which there is no bytes object.
_FLOAT: Final = 0.5
# The size of an empty bytes object.
_EMPTY: Final = bytes.__basicsize__
# Of malloc(3): sizes of blocks, the largest first.
_LARGER: Final = (32768, 16384, 8192, 4096, 2048, 1536, 1024, 768, 640, 528, 256, 128, 64, 24)
# Of malloc(3): sizes of blocks of which each thread keeps some that are freed, and how many of each size.
_KEPT: Final = range(24, 1033, 16)
_KEPT_OF_EACH: Final = 7
# Most blocks of one size: a bound, if an allocator is not as expected here.
_MOST: Final = 1 << 14

# malloc.h
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

#: Bytes from which on a block is large (:func:`return_large_blocks`).
LARGE: Final = 1 << 19

_filled: list[Sequence[object]] = []


#: What users are told when memory is refused.
NO_MEMORY = "there is not enough memory; allow more (ulimit -v says how much is allowed; MemoryMax in a service)"


def unused(size: int) -> memoryview:
    """Return *size* bytes to read into. Only what is written takes memory: a bytearray is filled with zeros."""
    return memoryview(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def settle() -> None:
    """Return freed memory to the system, and exempt the rest from garbage collection, so that forks share it."""
    release()
    gc.freeze()


def release() -> None:
    """Return freed memory to the system."""
    gc.collect()
    trim()


def trim() -> None:
    """Return to the system what malloc(3) has free, and what this process has changed of the code that it runs."""
    with contextlib.suppress(AttributeError):
        LIBC.malloc_trim(0)  # glibc only
    give_back()


def share_arena() -> None:
    """Have all threads of this process allocate from one arena of malloc(3). To be called before there are others.

    Threads that run Python take turns anyway, and each arena keeps memory for itself.
    """
    with contextlib.suppress(AttributeError):
        LIBC.mallopt(_M_ARENA_MAX, 1)  # glibc only


def return_large_blocks() -> None:
    """Have each large block that this process allocates from now on go back to the system when it is freed.

    malloc(3) would take the next ones from the heap after it has had to free one, and keep as much again at its end.
    """
    with contextlib.suppress(AttributeError):
        LIBC.mallopt(_M_MMAP_THRESHOLD, LARGE)  # glibc only
        LIBC.mallopt(_M_TRIM_THRESHOLD, 2 * LARGE)


def fill_holes() -> None:
    """Use up the free places among what is allocated, for good. Called by who is about to fork for the first time.

    Otherwise forks put what they allocate there, and have to copy a page for each place: 6 MB in all.
    """
    with contextlib.suppress(OSError), Path("/proc/self/mem").open("rb", buffering=0) as memory:
        of_32 = _until_new_pool(lambda: _FLOAT + len(_filled), memory)
        others = [_until_new_pool(_maker(size), memory) for size in _SIZES]
        _filled.append([_until_new_pool(object, memory), of_32, *others])
    with contextlib.suppress(AttributeError):
        _fill_heap()  # glibc only


def _maker(size: int) -> Callable[[], object]:
    length = size - _EMPTY
    return lambda: bytes(length)


def _until_new_pool(make: Callable[[], object], memory: BinaryIO) -> list[object]:
    """Return objects of one size, made until the allocator has begun a pool for them.

    Such a pool has few blocks that are taken. It may have been used before, so that its blocks come in any order.
    """
    found: list[object] = []
    before = -1
    while len(found) < _MOST:
        found.append(made := make())
        pool = id(made) // _POOL
        if pool != before and _taken(memory, pool) <= _FEW:
            break
        before = pool
    return found


def _taken(memory: BinaryIO, pool: int) -> int:
    """Return how many blocks of a pool are taken.

    :raises OSError: there is nothing, since it is another allocator's.
    """
    return int.from_bytes(os.pread(memory.fileno(), _COUNT, pool * _POOL), sys.byteorder)


def _fill_heap() -> None:
    """Allocate what malloc(3) has without more memory from the system, and let go of the pointers."""
    malloc, free, end = LIBC.malloc, LIBC.free, LIBC.sbrk
    malloc.restype, malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    free.restype, free.argtypes = None, (ctypes.c_void_p,)
    end.restype, end.argtypes = ctypes.c_void_p, (ctypes.c_long,)
    for size in _LARGER:
        LIBC.malloc_trim(0)  # what is free at the end of the heap is no hole
        before = end(0)
        for _ in range(_MOST):
            made = malloc(size)
            if end(0) != before:
                free(made)
                break
    LIBC.malloc_trim(0)
    _take_kept(malloc, free)


def _take_kept(malloc: Callable[[int], int], free: Callable[[int], None]) -> None:
    """Allocate what malloc(3) keeps for this thread of each size."""
    top = malloc(_LARGER[0]) or 0  # nothing else is free; what is above this was not kept
    for size in _KEPT:
        for _ in range(_KEPT_OF_EACH):
            if (made := malloc(size) or 0) > top:
                free(made)
                break
    free(top)
    LIBC.malloc_trim(0)
