"""Fields of what a process uses: memory, page faults, threads and descriptors.

The kernel tells them with an event that passes, if a rule reads them from events of its type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from falcohost import Arg, FieldType
from falcohost_syscall.events.event import Resources, SyscallEvent
from falcohost_syscall.facts.kinds import always, constant
from falcohost_syscall.fields.field import Get, Need, SyscallField, row

T = FieldType

_SWITCH: Final = "switch"


def _of(read: Callable[[Resources], Any]) -> Get:
    def get(event: SyscallEvent, _: Arg) -> Any:
        found = event.usage
        return None if found is None else read(found)

    return get


def _of_main_thread(read: Callable[[Resources], int]) -> Get:
    def get(event: SyscallEvent, _: Arg) -> int | None:
        found = event.usage
        return None if found is None else read(found) if event.tid == event.pid else 0

    return get


def _share_of_descriptors(found: Resources) -> float:
    return 100 * found.fds / found.fd_limit if found.fd_limit > 0 else 0.0


def _ran(event: SyscallEvent, _: Arg) -> int:
    """Return how long the thread had the processor that it gives up now."""
    return event.ctx.ran(event.cpu, event.tid, event.ts)[0] if event.type == _SWITCH else 0


def _ran_in_all(event: SyscallEvent, _: Arg) -> int:
    return event.ctx.ran(event.cpu, event.tid, event.ts)[1] if event.type == _SWITCH else 0


def _share(place: int) -> Get:
    return lambda event, _: None if event.cpu_shares is None else event.cpu_shares[place]


_NUMBERS: Final = (
    ("proc.fdopencount", T.UINT64, "Number of the process's open descriptors.", _of(lambda r: r.fds)),
    ("proc.fdlimit", T.INT64, "Most descriptors that the process may have open.", _of(lambda r: r.fd_limit)),
    ("proc.fdusage", T.DOUBLE, "Open descriptors as a percentage of proc.fdlimit.", _of(_share_of_descriptors)),
    ("proc.vmsize", T.UINT64, "Virtual memory of the process, in KiB.", _of(lambda r: r.size)),
    ("proc.vmrss", T.UINT64, "Memory of the process that is in RAM, in KiB.", _of(lambda r: r.resident)),
    ("proc.vmswap", T.UINT64, "Memory of the process that is swapped out, in KiB.", _of(lambda r: r.swapped)),
    ("proc.nthreads", T.UINT64, "Number of the process's living threads.", _of(lambda r: r.threads)),
    ("proc.nchilds", T.UINT64, "The same without the main thread.", _of(lambda r: max(r.threads - 1, 0))),
    ("thread.pfmajor", T.UINT64, "Page faults of the thread that had to read a disk.", _of(lambda r: r.major)),
    ("thread.pfminor", T.UINT64, "Page faults of the thread that had not.", _of(lambda r: r.minor)),
    ("thread.vmsize", T.UINT64, "proc.vmsize of a main thread; 0 for others.", _of_main_thread(lambda r: r.size)),
    ("thread.vmrss", T.UINT64, "proc.vmrss of a main thread; 0 for others.", _of_main_thread(lambda r: r.resident)),
)


def _fields() -> Iterator[SyscallField]:
    for name, kind, what, get in _NUMBERS:
        yield row(name, kind, what, get, None, Need.RESOURCES)
    for name, what, get in (
        ("thread.exectime", "For switch: how long the thread had the processor; 0 for other events.", _ran),
        ("thread.totexectime", "For switch: the sum of thread.exectime so far; 0 for other events.", _ran_in_all),
    ):
        yield row(name, T.RELTIME, what, get, None, Need.EVERY_EVENT)
    for place, name in enumerate(("thread.cpu.user", "thread.cpu.system", "thread.cpu")):
        what = "For procinfo, which only old captures have: percentage of a processor since the thread's last one."
        yield SyscallField(name=name, type=T.DOUBLE, description=what, get=_share(place), fact=always(constant(None)))


FIELDS: tuple[SyscallField, ...] = tuple(_fields())
