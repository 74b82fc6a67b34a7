"""The settings of the probe besides the calls to collect: fixed at load time, or changeable at any time."""

from __future__ import annotations

import os
import struct
from typing import Final, NamedTuple

from falcohost_syscall.records import record

_BITS: Final = struct.Struct("=I")


class LoadSettings(NamedTuple):
    """Settings that are fixed while the probe is loaded."""

    execve: int = 0
    """Row of execve in the table of calls."""
    procexit: int = 0
    ring_size: int = 8 << 20
    """Size of the ring of calls in bytes, a power of two."""
    process_ring_size: int = 0
    """Size of the ring of processes; 0: the same."""
    functions: bool = False
    """Calls may be observed at the kernel's functions."""
    by_perf: bool = False
    """At the tracepoint, calls are seen by way of perf, whatever the kernel (:mod:`.by_perf`)."""
    snaplen: int = 80
    """Number of bytes that are sent of the data that calls read and write."""
    installs: bool = False
    """The program at the kernel's function that installs descriptors is loaded (:mod:`.hooks`)."""
    btf: str = ""
    """A file with the kernel's types, or a folder of such, for a kernel without BTF; empty: packages have one."""

    @property
    def ring_sizes(self) -> tuple[int, int]:
        """The sizes of the rings of calls and of processes, in bytes."""
        return self.ring_size, self.process_ring_size or self.ring_size

    def pack(self) -> bytes:
        """Return ``struct settings``."""
        calls, processes = self.ring_sizes
        rows = (self.execve, self.procexit)
        secret = os.urandom(16)
        return record.SETTINGS.pack(calls, *rows, self.functions, self.installs, secret, self.snaplen, processes)


class Options(NamedTuple):
    """Settings that may change while the probe is loaded: what it sends in addition to what it always sends."""

    threads: bool = False
    """The start and the exit of threads too."""
    exec_cwd: bool = False
    """The working directory when a program is started."""
    exec_env: bool = False
    """The environment when a program is started."""
    measure: bool = False
    """The time that each call costs, in its counters."""
    requested: bool = False
    """A file has only one name, the requested one."""
    all_processes: bool = False
    """Every fork, exec and exit, instead of the processes that events need."""
    sessions: bool = False
    """A process again when its session or group has changed, and the leaders of both."""
    execve: bool = False
    """Execs that pass the filters."""
    procexit: bool = False
    """Exits of processes that pass the filters."""
    more_args: bool = False
    """Arguments of a program that are longer than what the kernel keeps."""
    watched: bool = False
    """The names of watched files (:meth:`.Probe.watch`), whatever link opened them."""
    about_execs: int = 0
    """Facts about processes that the filters of execs need (:func:`.facts.processes.about`)."""
    about_exits: int = 0
    present: int = 0
    """What execs and exits tell of the present state of their process (``ASKS_…``)."""

    def pack(self) -> bytes:
        """Return the bits of ``options``."""
        bits = sum(bit for name, bit in _OPTIONS.items() if getattr(self, name))
        bits |= (self.present >> record.ASKED_OF_PROCESSES_AT & record.ASKED_OF_PROCESSES) << record.PRESENT_AT
        return _BITS.pack(bits | self.about_execs << record.ABOUT_EXEC_AT | self.about_exits << record.ABOUT_EXIT_AT)


_OPTIONS: Final = {
    "threads": record.OPTION_THREADS,
    "exec_cwd": record.OPTION_EXEC_CWD,
    "exec_env": record.OPTION_EXEC_ENV,
    "measure": record.OPTION_MEASURE,
    "requested": record.OPTION_REQUESTED,
    "all_processes": record.OPTION_ALL_PROCESSES,
    "sessions": record.OPTION_SESSIONS,
    "execve": record.OPTION_EXECVE,
    "procexit": record.OPTION_EXIT,
    "more_args": record.OPTION_MORE_ARGS,
    "watched": record.OPTION_WATCHED,
}
