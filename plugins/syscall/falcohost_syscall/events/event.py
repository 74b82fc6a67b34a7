"""Declares the facts of an event that fields read, for all drivers, and the tables that a source's events share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from falcohost import ProcessSubject
from falcohost_syscall.calls.rows import Call, Param
from falcohost_syscall.events.agent_parts import AgentParts
from falcohost_syscall.events.sockets import Socket, Sockets
from falcohost_syscall.processes.cgroup_names import Container
from falcohost_syscall.processes.containers import Containers
from falcohost_syscall.processes.described import Described
from falcohost_syscall.processes.table import Process, ProcessTable

#: The id of no user and no group.
UNSET: Final = 0xFFFFFFFF
#: Number of threads of which it is remembered how long they have run.
RUNNING_LIMIT: Final = 65536
#: The parameter with the descriptors that a call waits for.
POLLS: Final = "fds"
#: The descriptor that stands for the working directory.
AT_FDCWD: Final = -100


class UserNames(Protocol):
    """The names of users and groups of one machine; ``<NA>`` if there is none."""

    def name(self, uid: int) -> str:
        """Return the name of a user."""

    def home(self, uid: int) -> str:
        """Return a user's home directory."""

    def shell(self, uid: int) -> str:
        """Return a user's login shell."""

    def group(self, gid: int) -> str:
        """Return the name of a group."""


class AccountsInside(Protocol):
    """The users and groups of containers."""

    def of(self, container: str, process: Process) -> UserNames:
        """Return those of the container with this id, in which *process* is."""


def _told_of_exec(process: Process) -> bool | None:
    return process.image.privileged


class Context:
    """The tables that the events of one source share.

    :ivar boot: added to times of processes (``start``, ``exec_ts``) to get nanoseconds since the epoch.
    :ivar first: time of the first event; None before it.
    :ivar inside: the users and groups of containers; None: they are looked up among those of the machine.
    :ivar agent: the parts of the agent that events may be about.
    :ivar is_unconfined: returns whether the container of a process is privileged; None: it is not known.
    """

    def __init__(
        self, table: ProcessTable, users: UserNames, containers: Containers | None = None, *, boot: int = 0
    ) -> None:
        self.boot = boot
        self.first: int | None = None
        self.table = table
        self.users = users
        self.inside: AccountsInside | None = None
        self.containers = Containers() if containers is None else containers
        self.containers.used = table.cgroups
        self.sockets = Sockets()
        self.agent = AgentParts()
        self.is_unconfined: Callable[[Process], bool | None] = _told_of_exec
        self._times = (0, 0)
        self._switched: dict[int, tuple[int, int]] = {}
        self._ran: dict[int, int] = {}

    def users_of(self, event: SyscallEvent) -> UserNames:
        """Return the users and groups of the container that *event* is from, or those of the machine."""
        container = event.container
        if self.inside is None or container.is_host:
            return self.users
        return self.inside.of(container.full_id, event.proc)

    def since_previous(self, ts: int) -> int:
        """Return the time between *ts* and the previous event for which this was called."""
        before, last = self._times
        if ts != last:
            before = last or ts
            self._times = (before, ts)
        return max(ts - before, 0)

    def ran(self, cpu: int, tid: int, ts: int) -> tuple[int, int]:
        """Return how long the thread that leaves a processor at *ts* had it, and how long in all so far."""
        before, last = self._switched.get(cpu, (ts, ts))
        if ts != last:
            before = last
            if len(self._ran) >= RUNNING_LIMIT:
                self._ran.pop(next(iter(self._ran)))
            self._ran[tid] = self._ran.get(tid, 0) + max(ts - before, 0)
        self._switched[cpu] = (before, ts)
        return max(ts - before, 0), self._ran.get(tid, 0)


class Resources(NamedTuple):
    """What a process uses: memory in KiB, page faults of its thread, descriptors and threads."""

    size: int
    resident: int
    swapped: int
    major: int
    minor: int
    fd_limit: int
    fds: int
    threads: int


class OpenDescriptor(NamedTuple):
    """A descriptor of a process; *name* is a path or, of a *socket*, what Falco calls it."""

    type: str
    name: str
    socket: Socket | None


#: poll.h: the kernel's bit for what a poll found, and Falco's for the same, from ``POLLIN`` to ``POLLWRBAND``.
POLL_BITS: Final = (
    *((0x1, 0x1), (0x2, 0x2), (0x4, 0x4), (0x2000, 0x8), (0x8, 0x10), (0x10, 0x20), (0x20, 0x40)),
    *((0x40, 0x80), (0x80, 0x100), (0x100, 0x200), (0x200, 0x400)),
)


class Polled(NamedTuple):
    """A descriptor that a poll waited for, with what was found (``POLLIN`` and others)."""

    number: int
    found: int


class FileFacts(Protocol):
    """Facts of the file behind a descriptor."""

    @property
    def ino(self) -> int:
        """Its inode."""

    @property
    def dev(self) -> int:
        """Its device number, as Linux shows it to programs."""

    @property
    def layer(self) -> int:
        """Its layer in an overlay file system: 1 upper, 2 lower, 0 none."""


class EventFacts(Protocol):
    """Facts of the event itself and of its thread."""

    @property
    def key(self) -> str:
        """Identifies the event: equal when the same event is read again."""

    @property
    def actor(self) -> tuple[int, int]:
        """Identifies the process: its pid and its start time."""

    @property
    def subject(self) -> ProcessSubject | None:
        """The process as the subject of an alert; None if it is not a process of this machine."""

    @property
    def start_ts(self) -> int | None:
        """The time of the source's first event."""

    @property
    def ret(self) -> int:
        """The return value of the call; a negative number is an error."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def tid(self) -> int:
        """The thread id."""

    @property
    def vpid(self) -> int:
        """The process id in the process's own pid namespace."""

    @property
    def vtid(self) -> int:
        """The thread id in that namespace."""

    @property
    def start(self) -> int:
        """The time at which the process was created; add :attr:`Context.boot`."""

    @property
    def uid(self) -> int:
        """The effective user."""

    @property
    def gid(self) -> int:
        """The effective group."""

    @property
    def loginuid(self) -> int:
        """The user that logged in; :data:`UNSET` if nobody did."""

    @property
    def caps(self) -> int:
        """The effective capabilities."""

    @property
    def cpu(self) -> int:
        """The number of the processor."""

    @property
    def by_uring(self) -> bool:
        """Whether it was requested through io_uring."""

    @property
    def is_cut(self) -> bool:
        """Whether a text of the event or of its process is longer than what is known of it."""

    @property
    def is_rewritten(self) -> bool:
        """Whether what the caller passed in its memory was changed while the call was under way."""

    @property
    def is_uncompared(self) -> bool:
        """Whether that could not be found out."""

    @property
    def container(self) -> Container:
        """The container of the thread, or the host."""

    @property
    def described(self) -> Described | None:
        """What the source itself was told of the container by its runtime; None: nothing, as of what happens now."""

    @property
    def described_pod(self) -> Described | None:
        """What it was told of the container's pod."""

    @property
    def cgroups(self) -> tuple[str, ...]:
        """The thread's cgroups as ``subsystem=path``."""

    @property
    def cwd(self) -> str | None:
        """The working directory; None if it is not known."""

    @property
    def usage(self) -> Resources | None:
        """What its process uses; None if that is not known, or no rule asks for it."""

    @property
    def cpu_shares(self) -> tuple[float, float, float] | None:
        """For procinfo: what the thread used of a processor since the last one: for itself, in the kernel, in all."""

    def value(self, param: Param) -> Any:
        """Return the value of one of Falco's parameters: int, text or bytes; None if the event has none."""


class DescriptorFacts(Protocol):
    """Facts of the event's file descriptor."""

    @property
    def fd_number(self) -> int | None:
        """The descriptor that the call returned (-1: none), used, or took as a directory; None if there is none."""

    @property
    def fd_type(self) -> str | None:
        """Falco's ``fd.type``; None if the event has no descriptor, or the call failed to create one."""

    @property
    def fdinfo(self) -> FileFacts | None:
        """The facts of the descriptor's file; None if there is no file, as after a failed open."""

    @property
    def fdpath(self) -> str | None:
        """The real path of the descriptor's file."""

    @property
    def file_name(self) -> str | None:
        """The path of the descriptor's file: of its names the one under which the event is matched."""

    @property
    def socket(self) -> Socket | None:
        """The socket of the descriptor, with the roles of its ends."""

    @property
    def moved(self) -> bool:
        """Whether the event changed the socket's destination."""

    @property
    def buffer(self) -> bytes | None:
        """The first bytes of the data that was read or written."""

    def stream(self, number: int) -> tuple[str, str] | None:
        """Return the present type and name of the process's descriptor *number*."""

    @property
    def polled(self) -> Sequence[tuple[int, OpenDescriptor | None]]:
        """The descriptors that a poll waited for, by number, each with what is known of it."""

    @property
    def open_types(self) -> tuple[str, ...]:
        """The present types of all descriptors of the process, each once."""


class PathFacts(Protocol):
    """The paths that were passed to the call, and the files that they led to."""

    @property
    def path(self) -> str | None:
        """The first path argument as passed."""

    @property
    def path2(self) -> str | None:
        """The second path argument as passed."""

    @property
    def abspath(self) -> str | None:
        """The first path argument, made absolute."""

    @property
    def abspath2(self) -> str | None:
        """The second path argument, made absolute."""

    @property
    def dirfd_path(self) -> str | None:
        """The path of the directory descriptor that was passed with the first path."""

    @property
    def dirfd2_path(self) -> str | None:
        """The path of the directory descriptor that was passed with the second path."""

    @property
    def reached(self) -> bool:
        """Whether the absolute paths are those of the files that were reached, not just the passed paths completed."""

    @property
    def string(self) -> str | None:
        """The additional text argument (source of a mount, target of a symbolic link)."""

    @property
    def access(self) -> int | None:
        """The access mode of an open (``O_RDONLY``, ``O_WRONLY``, ``O_RDWR``); None for other calls."""

    @property
    def opened_as(self) -> str | None:
        """The path that was passed to open the event's file, as it was passed; None if it is not known."""

    @property
    def requested(self) -> str | None:
        """The path that was passed to open the event's file, made absolute without following links."""

    @property
    def host_path(self) -> str | None:
        """The path by which the machine's init reaches the file, if it differs from the process's."""

    @property
    def watched_path(self) -> str | None:
        """The path by which the file is watched."""


class SyscallEvent(EventFacts, DescriptorFacts, PathFacts, Protocol):
    """One event of the source ``syscall``.

    :ivar row: the row of its event type.
    :ivar ts: nanoseconds since the epoch.
    :ivar proc: its process, as of the event.
    :ivar ctx: the tables that it shares with other events.
    """

    type: str
    row: Call
    ts: int
    num: int
    proc: Process
    ctx: Context
