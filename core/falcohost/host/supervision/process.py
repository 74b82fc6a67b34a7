"""A worker's process: forks, signals and reaps it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, NoReturn, Protocol, TypeAlias

from falcohost.host.confine.users import Users, WorkerUsers
from falcohost.host.descriptors import check_room
from falcohost.host.forked import fork_held, reaped
from falcohost.host.kernel_files import read_kernel_file
from falcohost.host.supervision import freezer
from falcohost.host.worker import run_worker

#: The cause of the end of a process that made a system call that it may not make (seccomp(2)).
FORBIDDEN = "killed by SIGSYS, for a system call that its job does not need"


#: What has stopped a process that is stopped, or traced.
A_SIGNAL: Final = "a signal"


#: The cause of the end of a process that has ended as it should.
ENDED: Final = "ended with status 0"


#: Descriptors that have to be free for a process to be started: it is connected with others afterwards.
ROOM: Final = 16


#: Descriptors by name.
Descriptors: TypeAlias = Mapping[str, Sequence[int]]


class Times(NamedTuple):
    """Seconds for which a process ran, and for which it waited for a processor."""

    ran: float = 0.0
    waited: float = 0.0


class Process(Protocol):
    """A worker process.

    :ivar link: the socket to it.
    :ivar ended: a descriptor that becomes readable when the process has ended.
    """

    pid: int
    link: socket.socket
    ended: int

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal, if it still exists."""

    def stopped_by(self) -> str:
        """Return what has stopped the process, in words; "" if nothing has."""

    def is_stopped(self) -> bool:
        """Return whether a signal has stopped the process, and not a tracer or its cgroup. Costs next to nothing."""

    def times(self) -> Times:
        """Return for how long its first thread ran, and waited."""

    def reap(self) -> str:
        """Reap the ended process, close the link and *ended*; return the cause of its end in words."""


class Fork(Protocol):
    """Starts a process."""

    def __call__(self, name: str, data: int, store: socket.socket, kept: Descriptors, held: Descriptors) -> Process:
        """Start a worker of the source *name*.

        :param data: the memfd with its settings and rules.
        :param store: its socket to the store.
        :param kept: descriptors that were kept for it.
        :param held: descriptors that a former loader held; with some, the process is a loader.

        :raises OSError: no process can be started.
        """


class Take(Protocol):
    """Takes one of the processes that wait."""

    def __call__(
        self,
        data: int,
        store: int,
        kept: Descriptors,
        held: Descriptors,
        users: WorkerUsers,
        counts: int | None,
        ahead: int | None,
    ) -> ForkedProcess | None:
        """Have one run :func:`run_worker` with these arguments; return it, or None if none waits."""


class ForkedProcess:
    """A process that was forked from this one."""

    def __init__(self, pid: int, ended: int, link: socket.socket, oom_kills: int) -> None:
        self.pid = pid
        self.link = link
        self.ended = ended
        self._oom_kills = oom_kills

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal, if it still exists."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)  # which is not another's: it is not reaped yet
            if number == signal.SIGKILL:
                freezer.let_die(self.pid)

    def stopped_by(self) -> str:
        """Return what has stopped the process, in words: a signal or a tracer, or its cgroup; "" if nothing has."""
        try:
            stat = read_kernel_file(f"/proc/{self.pid}/stat")
        except OSError:
            return ""
        if stat.rpartition(b") ")[2][:1] in (b"T", b"t"):
            return A_SIGNAL
        return freezer.FROZEN if freezer.is_held(self.pid) else ""

    def is_stopped(self) -> bool:
        """Return whether a signal has stopped the process, and not a tracer or its cgroup (waitid(2))."""
        try:
            return os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return False

    def times(self) -> Times:
        """Return for how long its first thread ran, and waited (/proc/PID/schedstat); zeros if that is not known."""
        try:
            ran, waited, _ = Path(f"/proc/{self.pid}/schedstat").read_text().split()
        except (OSError, ValueError):
            return Times()
        return Times(int(ran) / 1e9, int(waited) / 1e9)

    def reap(self) -> str:
        """Reap the ended process, close the link and *ended*; return the cause of its end in words."""
        code = reaped(self.pid)
        os.close(self.ended)
        self.link.close()
        if code == -signal.SIGKILL and _oom_kills() > self._oom_kills:
            return "killed because memory ran out"
        if code == -signal.SIGSYS:
            return FORBIDDEN
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"ended with status {code}" if code else ENDED


def fork(
    name: str,
    data: int,
    store: socket.socket,
    kept: Descriptors,
    held: Descriptors,
    users: Users | None = None,
    counts: Mapping[str, int] = MappingProxyType({}),
    take: Take = lambda *arguments: None,
    ahead: Callable[[str], AbstractContextManager[int | None]] = lambda source: nullcontext(),
) -> ForkedProcess:
    """Fork a worker; see :class:`Fork`.

    :param users: gives users to it and its helpers.
    :param counts: by source, the memory for what its workers only count.
    :param take: takes a process that waits; without any, one is forked.
    :param ahead: returns the socket to a process that prepares ahead for a source, once.
    """
    own, memory = WorkerUsers() if users is None else users.of_source(name), counts.get(name)
    with ahead(name) as early:
        if (ready := take(data, store.fileno(), kept, held, own, memory, early)) is not None:
            return ready
        parent = os.getpid()
        return start_fork(lambda link: run_worker(data, link, store, parent, kept, held, own, memory, early))


def start_fork(run: Callable[[socket.socket], NoReturn]) -> ForkedProcess:
    """Fork a process that runs *run* with its end of the socket to this process.

    :raises OSError: no process can be started.
    """
    check_room(ROOM)
    oom_kills = _oom_kills()
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The child unblocks signals itself, when it has no handlers of the supervisor's any more.
        pid, ended = fork_held(lambda: run(there))
    except OSError:
        here.close()
        raise
    finally:
        there.close()
    return ForkedProcess(pid, ended, here, oom_kills)


def _oom_kills() -> int:
    """Return how many processes the kernel has killed because memory ran out (/proc/vmstat)."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
