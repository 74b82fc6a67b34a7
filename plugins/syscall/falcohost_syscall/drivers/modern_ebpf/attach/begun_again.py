"""A second copy of the program that runs when calls begin, for kernels that may preempt a thread in the first one.

Since Linux 7.2, programs at tracepoints of single calls are run so, by way of perf, too. While a thread waits for a
processor in one, the kernel skips it for others that begin such a call there. They run the second one then. It has a
buffer of its own, since the first one's is in use.
"""

from __future__ import annotations

import os
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.attach.begins import BEGINS
from falcohost_syscall.drivers.modern_ebpf.attach.copies import copy
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.programs import MAP_PERCPU_ARRAY, PROGRAM_TRACEPOINT, Kernel

#: Where the program reads texts to.
_BUFFER: Final = "entering"


def begun_again(kernel: Kernel, probe: Object) -> int:
    """Return the descriptor of a new copy, which the caller closes.

    :raises LibbpfError: the kernel refused it.
    """
    buffer = kernel.array(probe.value_size(_BUFFER), 1, MAP_PERCPU_ARRAY)
    try:
        return copy(kernel, probe, BEGINS, {_BUFFER: buffer}, PROGRAM_TRACEPOINT)
    finally:
        os.close(buffer)
