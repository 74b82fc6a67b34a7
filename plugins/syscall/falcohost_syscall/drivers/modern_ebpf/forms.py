"""Which form of the probe this kernel takes: the probe itself, or the one for kernels that lack what it needs.

Both are made of the same sources (``bpf/forms.bpf.h``). It goes by what the kernel has, and not by its version. The
probe itself needs the kernel's own description of its types (BTF); its other form can go by that in a file.
"""

from __future__ import annotations

import os
from typing import Final

from falcohost_syscall.kernel.given_types import has_own
from falcohost_syscall.kernel.libbpf import Library

#: The compiled probe for each machine, in ``bpf/``, and its form for older kernels.
OBJECTS: Final = {"x86_64": "probe.x86_64.bpf.o", "aarch64": "probe.arm64.bpf.o"}
OLDER_OBJECTS: Final = {"x86_64": "probe.older.x86_64.bpf.o"}
#: What is lost with the older form, in words.
LOST: Final = (
    "requests of io_uring are no events, and where a call leaves no descriptor behind, its files are named as they "
    "were passed, since no program stands at the kernel's functions"
)
#: enum bpf_func_id: bpf_loop (Linux 5.17), which the probe needs; bpf_per_cpu_ptr, which came with programs that have
#: both functions and tail calls (5.10); bpf_ringbuf_output (5.8), without which there is no form.
_LOOP, _PER_CPU, _RING = 181, 153, 130


def needs_older(library: Library) -> bool:
    """Return whether this kernel takes only the older form."""
    return os.uname().machine in OLDER_OBJECTS and (library.has_helper(_LOOP) is False or not has_own())


def takes_none(library: Library) -> bool:
    """Return whether this kernel takes neither form; False also where it does not say."""
    return library.has_helper(_LOOP) is False and not (
        os.uname().machine in OLDER_OBJECTS and library.has_helper(_RING) is not False
    )


def needs_relays(library: Library) -> bool:
    """Return whether programs have to follow one another by relays (:mod:`.attach.relays`)."""
    return library.has_helper(_PER_CPU) is False
