"""Memory in which code lies that runs, and that processes give back when they have run what they need once.

Python changes the code that it runs (PEP 659), so that a process has its own copy of each page of code that it has run,
also of what only its start has run. Here the pages come from a file in memory that nobody can write any more: a process
that lets go of its copies has the code as it was before the first fork, and copies again only what it goes on to run.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
from typing import Final

# sys/mman.h
_MAP_FIXED: Final = 0x10
_MADV_DONTNEED: Final = 4
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

#: The C library, whose calls keep Python's lock: no thread runs code meanwhile.
_LIBC: Final = ctypes.PyDLL(None, use_errno=True)

#: Where the memory is, by address, and its size.
_kept: list[tuple[int, int]] = []


def keep(memory: memoryview) -> None:
    """Have *memory*, which is whole pages, come from such a file from now on.

    To be called before the first fork, and when its objects are immortal: what is in them is forgotten later.

    :raises OSError: there can be no such file; nothing has changed.
    """
    size = memory.nbytes
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    file = os.memfd_create("falcohost code", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(file, size)
        with mmap.mmap(file, size, mmap.MAP_SHARED) as written:
            written[:] = memory
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        place = _LIBC.mmap
        place.restype = ctypes.c_void_p
        place.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
        found = place(address, size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | _MAP_FIXED, file, 0)
        if found != address:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(file)
    _kept.append((address, size))


def give_back() -> None:
    """Let go of this process's copies: its code is as it was before the first fork."""
    forget = _LIBC.madvise
    for address, size in _kept:
        forget(ctypes.c_void_p(address), ctypes.c_size_t(size), _MADV_DONTNEED)
