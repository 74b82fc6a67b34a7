"""Checks, once the probe is loaded by types from a file, that they are this kernel's.

What the probe tells of this process has to be true. Sizes of structures were compared before
(:mod:`falcohost_syscall.kernel.given_types`). This goes by members that nearly all events have. What only some events
have, such as addresses of sockets, nobody checks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from falcohost import SourceError
from falcohost_syscall.drivers.modern_ebpf.listing import LISTED, TASKS, told_of
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.given_types import HOW, KEY
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.processes.boot_clock import ticks
from falcohost_syscall.records import record
from falcohost_syscall.records.parts import header, sections

_SELF: Final = Path("/proc/self")
#: The place of the start time behind the name, which may have blanks (proc_pid_stat(5)).
_START: Final = 19


def check(library: Library, probe: Object, path: Path) -> None:
    """Check the loaded *probe*; close it if the types, from *path*, are another kernel's.

    :raises SourceError: they are.
    """
    try:
        descriptors = probe.program_fd(TASKS), probe.map_fd(LISTED)
        told = told_of(Kernel(library), probe, *descriptors, os.getpid())
        wrong = next(_wrong(told), None)
    except BaseException:
        probe.close()
        raise
    if wrong is not None:
        probe.close()
        raise SourceError(
            f"{KEY}: {path} is another kernel's, not that of {os.uname().release}: by it, {wrong}; {HOW}."
        )


def _wrong(told: bytes) -> Iterator[str]:
    """Yield what *told* says of this process that is not so."""
    if not told:
        yield f"process {os.getpid()}, which asks, is not found"
        return
    found = header(told)
    name = (_SELF / "comm").read_bytes().removesuffix(b"\n")
    if found.vpid != os.getpid():
        yield f"process {os.getpid()} has the id {found.vpid}"
    if (comm := found.comm.partition(b"\0")[0]) != name:
        yield f"the name of process {os.getpid()} is {comm!r}, not {name!r}"
    start = int((_SELF / "stat").read_bytes().rpartition(b")")[2].split()[_START])
    if ticks(found.start) != start:
        yield f"process {os.getpid()} began at {ticks(found.start)} and not at {start} (ticks since boot)"
    if found.pid == found.vpid and found.ppid != os.getppid():
        yield f"the parent of process {os.getpid()} is {found.ppid}, not {os.getppid()}"
    folder = (_SELF / "cwd").readlink()
    there = dict(sections(told)).get(record.SEC_CWD)
    if there is not None and folder.is_absolute() and folder.exists() and Path(os.fsdecode(there)).name != folder.name:
        yield f"process {os.getpid()} is in {os.fsdecode(there)!r}, not in '{folder}'"
