"""What the probe is told beside the calls that are wanted: once when it is loaded, or anew at any time."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from falcohost_syscall.records import record

_BITS: Final = struct.Struct("=I")


class LoadSettings(NamedTuple):
    """What is fixed for as long as the probe is loaded."""

    execve: int = 0
    """Row of execve in the table of calls; the same for the others below."""
    procexit: int = 0
    ring_size: int = 8 << 20
    """Bytes of each of the two rings, a power of two."""
    functions: bool = False
    """Calls may be seen by the kernel's functions."""
    twice: bool = False
    """At the tracepoint stand two programs (:mod:`.twice`)."""

    def pack(self) -> bytes:
        """Return ``struct settings``."""
        rows = (self.execve, self.procexit)
        return record.SETTINGS.pack(self.ring_size, *rows, self.functions, self.twice)


class Options(NamedTuple):
    """What may change while the probe is loaded: what it says beyond what it always says."""

    threads: bool = False
    """Of threads too: their start and their end."""
    exec_cwd: bool = False
    """The working directory, when a program is started."""
    exec_env: bool = False
    """Its environment."""
    measure: bool = False
    """What each call costs, in its count."""
    requested: bool = False
    """A file has one name, the one that was requested."""
    all_processes: bool = False
    """Every fork, exec and exit, instead of the processes that have to do with events."""
    sessions: bool = False
    """A process again when its session or group is another, and the leaders of both."""
    execve: bool = False
    """Execs that pass the filters."""
    procexit: bool = False
    """Ends of processes that pass the filters."""
    watched: bool = False
    """The names of watched files (:meth:`.Probe.watch`), by whatever link they are opened."""
    about_execs: int = 0
    """What the filters of execs ask of processes (:func:`.pushdown.processes.about`)."""
    about_exits: int = 0

    def pack(self) -> bytes:
        """Return the bits of ``options``."""
        bits = sum(bit for name, bit in _OPTIONS.items() if getattr(self, name))
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
    "watched": record.OPTION_WATCHED,
}
