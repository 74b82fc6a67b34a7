"""Memory of code, of which processes give back what only their start has run.

Of programs and libraries a process has mapped what it has run once, and what lies around that. Letting go of it is no
loss: what it goes on to run is mapped again, from memory in which the kernel has the file.

Python changes the code that it runs (PEP 659), so that a process has its own copy of each page of code that it has run.
Where code was moved side by side (:func:`keep`), its pages come from a file in memory that nobody can write any more: a
process that lets go of its copies has the code as it was before the first fork, and copies what it goes on to run.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# sys/mman.h
_MAP_FIXED: Final = 0x10
_MADV_DONTNEED: Final = 4
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

#: The C library, whose calls keep Python's lock: no thread runs code meanwhile.
_LIBC: Final = ctypes.PyDLL(None, use_errno=True)

#: The first line of a mapping in /proc/PID/smaps.
_MAPPING: Final = re.compile(r"(?P<begin>[0-9a-f]+)-(?P<end>[0-9a-f]+) (?P<rights>\S+) \S+ \S+ \d+\s*(?P<file>.*)")

#: Where the memory is, by address, and its size: that of moved code, and what is mapped of programs.
_kept: list[tuple[int, int]] = []
_programs: list[tuple[int, int]] = []


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


def know_programs() -> None:
    """Find what is mapped of programs and libraries, which stay mapped. To be called before the first fork.

    What the linker has written to is left out, and what is mapped of other files, which may give way to something else.
    """
    with contextlib.suppress(OSError), Path("/proc/self/smaps").open() as lines:
        _programs[:] = _unwritten(lines)


def _unwritten(smaps: Iterable[str]) -> list[tuple[int, int]]:
    """Return addresses and sizes of mappings of files that can be run, as far as nobody has ever written there."""
    runs, found, mapping = set(), [], None
    for line in smaps:
        if begins := _MAPPING.match(line):
            mapping = begins
        elif mapping is not None and line.startswith("Anonymous:") and mapping["file"].startswith("/"):
            if mapping["rights"] == "r-xp":
                runs.add(mapping["file"])
            if mapping["rights"] in ("r-xp", "r--p") and line.split()[1] == "0":
                found.append((mapping["file"], int(mapping["begin"], 16), int(mapping["end"], 16)))
    return [(begin, end - begin) for file, begin, end in found if file in runs]


def is_followed() -> bool:
    """Return whether somebody follows what runs, such as a debugger or a profiler.

    Code then says where Python keeps more of it, so that code as it was before leads to what is there no more.
    """
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return True
    if sys.version_info < (3, 12):
        return False
    return sys.is_stack_trampoline_active() or any(map(sys.monitoring.get_tool, range(6)))


def give_back() -> None:
    """Let go of this process's copies of code, which is as it was before the first fork, and of mapped programs."""
    forget = _LIBC.madvise
    kept = () if is_followed() else _kept
    for address, size in (*kept, *_programs):
        forget(ctypes.c_void_p(address), ctypes.c_size_t(size), _MADV_DONTNEED)
