"""Has the probe find where the kernel has all memory in one piece, so that it reads what callers pass by loads.

See bpf/direct.bpf.h. Where it is not found, all is read by a helper, which takes longer.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from pathlib import Path
from typing import Final

from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.kernel.programs import Kernel

MACHINE: Final = "x86_64"
PROGRAM: Final = "find_direct"
#: The map where it keeps what it has found.
FOUND: Final = "directs"
#: The addresses of memory; others than root see zeros.
RANGES: Final = Path("/proc/iomem")
_MEMORY: Final = " : System RAM"
_SECRET: Final = 16
_CONTEXT: Final = struct.Struct(f"=Q{_SECRET}sQ")


def is_there(*, older: bool) -> bool:
    """Return whether the probe's object for this machine, or its form for *older* kernels, can find it."""
    return os.uname().machine == MACHINE and not older


def find(kernel: Kernel, program: int) -> None:
    """Run the *program* that finds it."""
    if not (end := end_of_memory()):
        return
    with mmap.mmap(-1, mmap.PAGESIZE) as page:
        secret = os.urandom(_SECRET)
        page[:_SECRET] = secret
        place = ctypes.c_char.from_buffer(page)
        try:
            kernel.run(program, _CONTEXT.pack(ctypes.addressof(place), secret, end))
        except LibbpfError:
            return  # the kernel runs no such programs by themselves
        finally:
            del place  # or the page cannot be unmapped


def end_of_memory() -> int:
    """Return the address behind all memory; 0 if it is not told."""
    try:
        lines = RANGES.read_text().splitlines()
    except OSError:
        return 0
    ends = [int(line.split()[0].partition("-")[2], 16) for line in lines if line.endswith(_MEMORY)]
    return max(ends) + 1 if any(ends) else 0
