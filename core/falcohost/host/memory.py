"""The memory of a process once it has loaded what it needs."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
from collections.abc import Callable, Sequence
from typing import Final

from falcohost.libc import LIBC

# Of pymalloc: sizes of blocks, and in which pools with which header they are.
_SMALLEST: Final = 16
_SIZES: Final = range(48, 513, 16)
_POOL: Final = 1 << 14
_HEADER: Final = 48
# The size of an empty bytes object.
_EMPTY: Final = bytes.__basicsize__
# Of malloc(3): sizes of blocks, the largest first.
_LARGER: Final = (32768, 16384, 8192, 4096, 2048, 1536, 1024, 768, 640, 528, 256, 128, 64, 24)
# Most blocks of one size: a bound, if an allocator is not as expected here.
_MOST: Final = 1 << 14

# malloc.h
_M_ARENA_MAX: Final = -8

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
    """Return to the system what malloc(3) has free."""
    with contextlib.suppress(AttributeError):
        LIBC.malloc_trim(0)  # glibc only


def share_arena() -> None:
    """Have all threads of this process allocate from one arena of malloc(3). To be called before there are others.

    Threads that run Python take turns anyway, and each arena keeps memory for itself.
    """
    with contextlib.suppress(AttributeError):
        LIBC.mallopt(_M_ARENA_MAX, 1)  # glibc only


def fill_holes() -> None:
    """Use up the free places among what is allocated, for good. Called by who is about to fork for the first time.

    Otherwise forks put what they allocate there, and have to copy a page for each place: 6 MB in all.
    """
    _filled.append([_until_new_pool(object, _SMALLEST), *(_until_new_pool(_maker(size), size) for size in _SIZES)])
    with contextlib.suppress(AttributeError):
        _fill_heap()  # glibc only


def _maker(size: int) -> Callable[[], object]:
    length = size - _EMPTY
    return lambda: bytes(length)


def _until_new_pool(make: Callable[[], object], size: int) -> list[object]:
    """Return objects of this *size*, made until the allocator has begun a new pool for them."""
    found: list[object] = []
    before = -1
    while len(found) < _MOST:
        found.append(made := make())
        if before == _HEADER and id(made) % _POOL == _HEADER + size:
            break
        before = id(made) % _POOL
    return found


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
