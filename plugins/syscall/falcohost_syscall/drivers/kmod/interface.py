"""What Falco's kernel module offers: its names, requests (ioctl(2)), versions, and the counters that it shares.

These are facts of falcosecurity/libs: ``driver/main.c``, ``ppm_events_public.h``, ``ppm_ringbuffer.h``, ``ppm_tp.h``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: Its names: as Falco builds it, and as libs and Debian do. The devices are called like the module.
NAMES: Final = ("falco", "scap")

_MAGIC: Final = ord("s") << 8
SET_SNAPLEN: Final = _MAGIC | 4
GET_API_VERSION: Final = _MAGIC | 24
GET_SCHEMA_VERSION: Final = _MAGIC | 25
ENABLE_SYSCALL: Final = _MAGIC | 29
DISABLE_SYSCALL: Final = _MAGIC | 30
ENABLE_TRACEPOINT: Final = _MAGIC | 31
DISABLE_TRACEPOINT: Final = _MAGIC | 32
ENABLE_DROP_FAILED: Final = _MAGIC | 33
DISABLE_DROP_FAILED: Final = _MAGIC | 34
#: Numbers of calls that it knows are less than this.
CALLS: Final = 512

#: Its numbers of tracepoints.
TRACEPOINTS: Final = range(9)
SYS_ENTER, SYS_EXIT, PROCESS_EXIT, SWITCH, FAULT_USER, FAULT_KERNEL, SIGNAL, FORK, EXEC = TRACEPOINTS

#: Most bytes of data that it collects of a call.
LONGEST_SNAPLEN: Final = 65000

_MINOR, _MAJOR = 24, 44
_PATCH_BITS: Final = (1 << 24) - 1
_MINOR_BITS: Final = (1 << 20) - 1


class Version(NamedTuple):
    """The version of its interface or of its events; another *major* has other requests, or other parameters."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def version(word: int) -> Version:
    """Return the version that the module tells as one number."""
    return Version(word >> _MAJOR, word >> _MINOR & _MINOR_BITS, word & _PATCH_BITS)


#: The versions of the interface and of the events that are known: the majors.
APIS: Final = (8, 9, 10)
SCHEMAS: Final = (3, 4)

#: The counters of a ring, in order, each of 64 bits, behind head and tail, which have 32: first those of all versions.
EVENTS, FULL, SWITCHES = "events", "ring_full", "context_switches"
_FIRST: Final = (EVENTS, FULL)
_LAST: Final = ("page_faults", "preempted", SWITCHES)
_EXITS: Final = (
    "clone_fork_exit",
    "execve_exit",
    "connect_enter",
    "connect_exit",
    "open_enter",
    "open_exit",
    "dir_file_exit",
    "other_interest_exit",
    "close_exit",
    "proc_exit",
)
_CALLS: Final = ("clone_fork", "execve", "connect", "open", "dir_file", "other_interest")
_WITH_ENTERS: Final = (*(f"{call}_{side}" for call in _CALLS for side in ("enter", "exit")), "close_exit", "proc_exit")
_COUNTERS: Final = {
    8: (*_FIRST, *(f"buffer_{name}" for name in _WITH_ENTERS), *_LAST),
    10: (*_FIRST, *(f"buffer_{name}" for name in _EXITS), *_LAST),
}


def counters(api: int) -> tuple[str, ...]:
    """Return the names of a ring's counters in this major version of the interface; only the first may be known.

    The second counts all events for which there was no room; those that follow count parts of them.
    """
    return _COUNTERS.get(api, _FIRST)
