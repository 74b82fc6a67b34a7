"""Tells what the agent's processes do for their jobs from everything else; only that is left out.

The kernel leaves out three processes: the supervisor, the process that loads the probe, and the one that reads it. The
calls of all others pass the filters like anybody's. What belongs to the caller's job (:class:`falcohost.agent.Job`)
ends here: an alert that is stored and delivered would raise the next one. What does not is an event, as if a stranger
did it.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from falcohost.agent import AgentProcess, Job
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.drivers.modern_ebpf.decoding.event import RecordEvent
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import ARG0, PID, PPID, TS
from falcohost_syscall.events.agent_parts import LOADING, NEVER
from falcohost_syscall.events.sockets import Endpoint
from falcohost_syscall.processes.boot_clock import own_offset, ticks

# The kernel's names of calls that have another here.
_CALLED: Final = {"pread64": "pread", "pwrite64": "pwrite", "clone3": "clone", "newselect": "_newselect"}
# Open flags: for writing, or of a file that is made; linux/sched.h: in a new namespace.
_CHANGES: Final = 0o1103
_NEW_NAMESPACE: Final = 0x7E020080
# Files in /proc that show memory, which none of them reads.
_MEMORY: Final = ("/mem", "/kcore")
_SELF: Final = "/proc/self"
_SENDS: Final = frozenset({"sendto", "sendmsg", "sendmmsg"})
_MAKES: Final = frozenset({"clone", "clone3", "fork", "vfork"})


class _Known(NamedTuple):
    """A process of the agent: since when it runs, in ticks, and what it does, from when on by the kernel's clock."""

    since: int
    loads: bool
    work: _Work | None
    begun: int = 0


class OwnCalls:
    """Knows the agent's processes.

    :ivar parents: the supervisor, and the workers but this one: their children are processes of the agent, too.
    :ivar pids: those of which the job is known.
    """

    def __init__(self, supervisor: int | None = None) -> None:
        self._supervisor = frozenset(() if supervisor is None else (supervisor,))
        self.parents = self._supervisor
        self.pids: dict[int, _Known] = {}
        self._more: dict[int, _Known] = {}

    def add(self, pid: int, since: int, job: Job) -> None:
        """Add a process that the supervisor does not know."""
        self._more[pid] = self.pids[pid] = _Known(since, False, _Work(job))

    def take(self, processes: Collection[AgentProcess]) -> None:
        """Take note that these are the processes that the supervisor has."""
        known = {
            one.pid: _Known(
                one.since,
                one.role == "loader",
                None if one.job is None else _Work(one.job),
                one.begun - own_offset(),
            )
            for one in processes
        }
        self.pids = self._more | known
        self.parents = self._supervisor | {
            one.pid for one in processes if one.role == "worker" and one.pid != os.getpid()
        }

    def have(self, event: RecordEvent) -> bool:
        """Return whether *event*, of one of :attr:`pids` or of a child of one of :attr:`parents`, is of its job.

        Not if the process has executed a program since the probe was loaded, or has got the pid of one that has ended.
        """
        process, known = event.proc, self.pids.get(event.h[PID])
        if process.image.exec_ts or (known is not None and known.since != ticks(process.start)):
            return False
        if known is None and event.h[PPID] not in self._supervisor:
            return self._helps(event)
        if known is None or known.work is None or event.h[TS] < known.begun:
            name = event.type
            return not (name in NEVER or (name in LOADING and not (known is not None and known.loads)))
        return known.work.has(event)

    def _helps(self, event: RecordEvent) -> bool:
        """Return whether *event* is of the job of a helper, and by a child of another worker, such as a former one.

        Each worker has helpers of its own, which do the same.
        """
        worker, parent = self.pids.get(event.h[PPID]), event.proc.parent
        if worker is None or parent is None or ticks(parent.start) != worker.since:
            return False
        return any(one.work is not None and one.work.has(event) for one in self._more.values())


class _Work:
    """A job, prepared for comparing."""

    def __init__(self, job: Job) -> None:
        self._calls = frozenset(_CALLED.get(name, name) for name in job.calls) | frozenset(job.calls)
        self._root = job.root.rstrip("/")
        self._reads = _folders(job.reads)
        self._writes = _folders(job.writes)
        self._any, self._ends = _ends(job.connects)
        self._sockets = tuple(one for one in job.connects or () if one.startswith(("/", "@")))

    def has(self, event: RecordEvent) -> bool:
        """Return whether *event* is of the job."""
        row = event.row
        if row.name not in self._calls:
            return False
        if row.name == "connect":
            return self._any or self._reaches(event)
        if row.name in _SENDS and (end := event.passed_address) is not None:
            return self._any or self._sends_to(end)
        if row.name in _MAKES:
            return not event.h[ARG0] & _NEW_NAMESPACE
        if row.opens:
            return self._opens(event)
        return not _changes_names(row) or self._writes is None or all(map(self._may_write, _paths(event)))

    def _may_write(self, path: str) -> bool:
        return self._writes is None or _below(path, self._writes) or _below(f"{self._root}{path}", self._writes)

    def _opens(self, event: RecordEvent) -> bool:
        path = event.host_path or event.fdpath or event.abspath
        if path is None or path.endswith(_MEMORY):
            return False
        place = event.row.open_flags
        flags = _CHANGES if place is None else event.arg(place)
        if event.access in (1, 2) or flags & _CHANGES:
            return self._may_write(path)
        if flags & os.O_PATH:  # with which nothing can be read
            return True
        if self._reads is None or _below(path, self._reads) or self._may_write(path):
            return True
        if any(one.startswith("*") and path.endswith(one[1:]) for one in self._reads):
            return True
        return _SELF in self._reads and _below(path, (f"/proc/{event.pid}",))

    def _reaches(self, event: RecordEvent) -> bool:
        socket = event.socket
        if socket is None:
            return False
        if socket.peer_path or not socket.is_ip:
            return self._sends_to(Endpoint(path=socket.peer_path or ""))
        return self._sends_to(socket.remote)

    def _sends_to(self, end: Endpoint) -> bool:
        """Return whether *end* is one of its addresses, or none at all: that of the kernel (netlink(7))."""
        if end.path is not None:
            return any(_below(end.path, (one,)) for one in self._sockets)
        if not end.ip:
            return True
        return ("*", end.port) in self._ends or (str(end.address), end.port) in self._ends


def _folders(paths: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if paths is None else tuple(path.rstrip("/") for path in paths)


def _below(path: str, folders: Iterable[str]) -> bool:
    """Return whether *path* is one of *folders*, or in one; what may lead out of it is not."""
    return any(path == one or path.startswith(f"{one}/") for one in folders) and "/../" not in f"{path}/"


def _changes_names(row: Call) -> bool:
    """Return whether a call changes files that it names, rather than looking at them."""
    return bool(row.hooks) or row.name in ("truncate", "utime", "utimes", "utimensat", "futimesat", "fchmodat2")


def _paths(event: RecordEvent) -> Iterable[str]:
    return [path for path in (event.abspath, event.abspath2) if path is not None]


def _ends(connects: Iterable[str] | None) -> tuple[bool, frozenset[tuple[str, int]]]:
    """Return whether it may connect anywhere, and to which addresses; the address of a name may be any."""
    found = set()
    for one in connects or ():
        host, _, port = one.rpartition(":")
        if not port.isdigit():
            continue
        with suppress(ValueError):
            found.add((str(ipaddress.ip_address(host.strip("[]"))), int(port)))
            continue
        found.add(("*", int(port)))
        if host == "localhost":
            found -= {("*", int(port))}
            found |= {("127.0.0.1", int(port)), ("::1", int(port))}
    return connects is None, frozenset(found)
