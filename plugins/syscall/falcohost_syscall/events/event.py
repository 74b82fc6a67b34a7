"""What the fields read from an event, whichever driver made it; and the tables that the events of one source share."""

from __future__ import annotations

from typing import Any, Final, Protocol

from falcohost import ProcessSubject
from falcohost_syscall.calls.rows import Call, Param
from falcohost_syscall.events.sockets import Socket, Sockets
from falcohost_syscall.processes.containers import Container, Containers
from falcohost_syscall.processes.table import Process, ProcessTable

#: A user or group that is none.
UNSET: Final = 0xFFFFFFFF
#: The descriptor that stands for the working directory.
AT_FDCWD: Final = -100


class UserNames(Protocol):
    """Names of the users and groups of one machine; ``<NA>`` is for those that have none."""

    def name(self, uid: int) -> str:
        """Return the name of a user."""

    def home(self, uid: int) -> str:
        """Return a user's home directory."""

    def shell(self, uid: int) -> str:
        """Return a user's login shell."""

    def group(self, gid: int) -> str:
        """Return the name of a group."""


class Context:
    """The tables that the events of one source share.

    :ivar boot: what is added to times of processes (``start``, ``exec_ts``) to have nanoseconds since the epoch.
    :ivar first: time of the first event; None before it.
    """

    def __init__(
        self, table: ProcessTable, users: UserNames, containers: Containers | None = None, *, boot: int = 0
    ) -> None:
        self.boot = boot
        self.first: int | None = None
        self.table = table
        self.users = users
        self.containers = Containers() if containers is None else containers
        self.sockets = Sockets()
        self._times = (0, 0)

    def since_previous(self, ts: int) -> int:
        """Return the time between the event at *ts* and the one before for which this was asked."""
        before, last = self._times
        if ts != last:
            before = last or ts
            self._times = (before, ts)
        return max(ts - before, 0)


class FileFacts(Protocol):
    """What is known of the file behind a descriptor.

    :ivar dev: number of its device, as Linux shows it to programs; *layer*: of an overlay: 1 upper, 2 lower, 0 none.
    """

    @property
    def ino(self) -> int:
        """Return its inode."""

    @property
    def dev(self) -> int:
        """Return the number of its device, as Linux shows it to programs."""

    @property
    def layer(self) -> int:
        """Return its layer in an overlay: 1 upper, 2 lower, 0 none."""


class EventFacts(Protocol):
    """Numbers of the event itself, and of the thread that it is of."""

    @property
    def key(self) -> str:
        """Name the event: the same when the same event is read again."""

    @property
    def actor(self) -> tuple[int, int]:
        """Name the process: its number, and when it was made."""

    @property
    def subject(self) -> ProcessSubject | None:
        """Return the process for alerts; None if it is none of this machine."""

    @property
    def start_ts(self) -> int | None:
        """Return the time of the first event of the source."""

    @property
    def ret(self) -> int:
        """Return what the call returned; a negative number is an error."""

    @property
    def pid(self) -> int:
        """Return the process id."""

    @property
    def tid(self) -> int:
        """Return the thread id."""

    @property
    def vpid(self) -> int:
        """Return the process id in the process's own pid namespace."""

    @property
    def vtid(self) -> int:
        """Return the thread id in that namespace."""

    @property
    def start(self) -> int:
        """Return when the process was made; add :attr:`Context.boot`."""

    @property
    def uid(self) -> int:
        """Return the effective user."""

    @property
    def gid(self) -> int:
        """Return the effective group."""

    @property
    def loginuid(self) -> int:
        """Return the user that logged in; :data:`UNSET` for none."""

    @property
    def caps(self) -> int:
        """Return the effective capabilities."""

    @property
    def cpu(self) -> int:
        """Return the number of the processor."""

    @property
    def by_uring(self) -> bool:
        """Return whether it was asked for through io_uring."""

    @property
    def container(self) -> Container:
        """Return the container of the thread; the host if it is in none."""

    @property
    def cgroups(self) -> tuple[str, ...]:
        """Return the thread's cgroups as ``subsystem=path``."""

    @property
    def cwd(self) -> str | None:
        """Return the working directory; None where it is not known."""

    def value(self, param: Param) -> Any:
        """Return the value of one of Falco's parameters: int, text or bytes; None where the event has none."""


class DescriptorFacts(Protocol):
    """What the event's file descriptor is."""

    @property
    def fd_number(self) -> int | None:
        """Return the descriptor that the call made (-1: none), used, or took as directory; None: it is about none."""

    @property
    def fd_type(self) -> str | None:
        """Return Falco's ``fd.type``; None if the event is about none, or the call failed to make one."""

    @property
    def fdinfo(self) -> FileFacts | None:
        """Return what is known of the descriptor's file; None if there is none, as after a failed open."""

    @property
    def fdpath(self) -> str | None:
        """Return the real path of the descriptor's file."""

    @property
    def file_name(self) -> str | None:
        """Return the path of the descriptor's file; of its names the one under which the event is seen."""

    @property
    def socket(self) -> Socket | None:
        """Return the socket of the descriptor, its two ends in their roles."""

    @property
    def moved(self) -> bool:
        """Return whether the event changed where the socket leads to."""

    @property
    def buffer(self) -> bytes | None:
        """Return the first bytes of what was read or written."""

    def stream(self, number: int) -> tuple[str, str] | None:
        """Return type and name of descriptor *number* of the process, as it is when this is asked."""

    @property
    def open_types(self) -> tuple[str, ...]:
        """Return the types of all descriptors of the process, each once, as they are when this is asked."""


class PathFacts(Protocol):
    """The paths that the call passed, and to what they led."""

    @property
    def path(self) -> str | None:
        """Return the first path argument as passed."""

    @property
    def path2(self) -> str | None:
        """Return the second path argument as passed."""

    @property
    def abspath(self) -> str | None:
        """Return the first path argument, made absolute."""

    @property
    def abspath2(self) -> str | None:
        """Return the second path argument, made absolute."""

    @property
    def dirfd_path(self) -> str | None:
        """Return the path behind the descriptor of a directory that was passed beside the first path."""

    @property
    def dirfd2_path(self) -> str | None:
        """Return the path behind the descriptor of a directory that was passed beside the second path."""

    @property
    def reached(self) -> bool:
        """Return whether absolute paths are what the passed ones led to, and not those made absolute by their text."""

    @property
    def string(self) -> str | None:
        """Return the further string argument (type of a mount, source of a symbolic link)."""

    @property
    def access(self) -> int | None:
        """Return how an open asked for its file (``O_RDONLY``, ``O_WRONLY``, ``O_RDWR``); None for other calls."""

    @property
    def requested(self) -> str | None:
        """Return the path that was passed to open the event's file, made absolute by its text."""

    @property
    def host_path(self) -> str | None:
        """Return the path by which the machine's init reaches the file, where the process has another."""

    @property
    def watched_path(self) -> str | None:
        """Return the path by which the file is watched."""


class SyscallEvent(EventFacts, DescriptorFacts, PathFacts, Protocol):
    """One event of the source ``syscall``.

    :ivar row: its event type.
    :ivar ts: nanoseconds since the epoch.
    :ivar proc: its process, as of the event.
    :ivar ctx: what it shares with other events.
    """

    type: str
    row: Call
    ts: int
    num: int
    proc: Process
    ctx: Context
