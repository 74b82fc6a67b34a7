"""Keeps the processes at the time of an event: their programs, ids and ancestors.

There are two ways to feed the table, both in order: with context of the processes that events need (and their exits),
or with every fork, exec and exit. A child refers to its parent, so a dead process stays only as long as it has a live
descendant, and nothing has to be cleaned up. Threads have no entries: what differs between threads (name, ids,
credentials) comes with each event. What a process may open or connect to is not kept here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from copy import copy
from itertools import islice
from typing import Final, Protocol

from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.longer import ARGUMENTS, ENVIRONMENT, LONGER, split
from falcohost_syscall.records.record import (
    EXE_FROM_MEMFD,
    EXE_FROM_TMPFS,
    EXE_LOWER_LAYER,
    EXE_PLACE_KNOWN,
    EXE_UPPER_LAYER,
    EXE_WRITABLE,
)
from falcohost_syscall.records.text import text

#: Largest number of entries. Beyond it, this part of them is dropped at once.
LIMIT = 200_000
AT_ONCE: Final = 64


class Image:
    """The program that an exec loaded; children share it until they exec themselves.

    :ivar args_cut: ``args_raw`` is only the beginning; *env_cut*: so is ``env_raw``.
    """

    __slots__ = (
        "_args",
        "_env",
        "_exepath",
        "args_cut",
        "args_raw",
        "caps",
        "ctime",
        "env_cut",
        "env_raw",
        "exe_flags",
        "exec_ts",
        "exepath_raw",
        "filename",
        "ino",
        "mtime",
        "pidns_start",
        "privileged",
    )

    def __init__(self, args: bytes, env: bytes | None, exepath: bytes, exec_ts: int = 0) -> None:
        self.args_raw = args
        self.env_raw = env
        self.exepath_raw = exepath
        self.exec_ts = exec_ts
        self.args_cut = self.env_cut = False
        self.filename = b""
        self.ino = self.ctime = self.mtime = self.exe_flags = self.pidns_start = 0
        self.caps: tuple[int, int] | None = None
        self.privileged: bool | None = None
        self._args: tuple[str, ...] | None = None
        self._exepath: str | None = None
        self._env: tuple[str, ...] | None = None

    @property
    def argv(self) -> tuple[str, ...]:
        """The arguments, including the zeroth."""
        if self._args is None:
            self._args = split(self.args_raw)
        return self._args

    @property
    def env(self) -> tuple[str, ...]:
        """The environment as ``NAME=value`` texts."""
        if self._env is None:
            self._env = split(self.env_raw or b"")
        return self._env

    @property
    def exepath(self) -> str:
        """The path of the executable, without the `` (deleted)`` that the kernel adds after it was unlinked."""
        if self._exepath is None:
            self._exepath = text(self.exepath_raw.removesuffix(b" (deleted)"))
        return self._exepath

    @property
    def writable(self) -> bool:
        """Whether the process might write to its executable."""
        return bool(self.exe_flags & EXE_WRITABLE)

    @property
    def upper_layer(self) -> bool:
        """Whether the executable is in the upper layer of an overlay file system."""
        return bool(self.exe_flags & EXE_UPPER_LAYER)

    @property
    def lower_layer(self) -> bool:
        """Whether the executable is in a lower layer of an overlay file system."""
        return bool(self.exe_flags & EXE_LOWER_LAYER)

    @property
    def from_memfd(self) -> bool:
        """Whether the executable is a memfd."""
        return bool(self.exe_flags & EXE_FROM_MEMFD)

    @property
    def from_tmpfs(self) -> bool | None:
        """Whether the executable is in a tmpfs or ramfs in an unusual place; None: not known."""
        return bool(self.exe_flags & EXE_FROM_TMPFS) if self.exe_flags & EXE_PLACE_KNOWN else None


#: Ids of session and group: sid, pgid (both in the host's pid namespace), vsid, vpgid (in the process's own), tty.
Session = tuple[int, int, int, int, int]
NO_SESSION: Session = (0, 0, 0, 0, 0)


class ProcessView(Protocol):
    """The attributes of a process that fields read, wherever its facts are kept."""

    pid: int
    ppid: int
    vpid: int
    start: int
    comm: str
    cwd: str | None

    @property
    def image(self) -> Image:
        """The program that it runs."""

    @property
    def session(self) -> Session:
        """The ids of its session and group."""

    @property
    def cgroup(self) -> int:
        """The key of its cgroups."""

    def argv(self) -> tuple[str, ...]:
        """Return the arguments, including the zeroth."""

    def is_cut(self) -> bool:
        """Return whether arguments or environment are longer than what is known of them."""

    def up(self) -> ProcessView | None:
        """Return its current parent."""

    def environment(self) -> tuple[str, ...]:
        """Return the environment that it was started with."""


class Process:
    """One process (thread group)."""

    __slots__ = (
        "alive",
        "cgroup",
        "comm",
        "cwd",
        "image",
        "parent",
        "pid",
        "ppid",
        "reaper",
        "session",
        "start",
        "vpid",
    )

    def __init__(self, pid: int, ppid: int, vpid: int, start: int, comm: str, cgroup: int, image: Image) -> None:
        self.pid = pid
        self.ppid = ppid
        self.vpid = vpid
        self.start = start
        self.comm = comm
        self.cgroup = cgroup
        self.image = image
        self.session = NO_SESSION
        self.cwd: str | None = None
        self.parent: Process | None = None
        self.reaper: Process | None = None
        self.alive = True

    def arguments(self) -> str:
        """Return the arguments without the zeroth, with blanks between them.

        :raises UnknownValueError: only their beginning is known, and that will not do.
        """
        image = self.image
        return LONGER.arguments(self, image.args_raw) if image.args_cut else " ".join(image.argv[1:])

    def argv(self) -> tuple[str, ...]:
        """Return the arguments, including the zeroth.

        :raises UnknownValueError: only their beginning is known, and that will not do.
        """
        image = self.image
        return LONGER.parts(self, ARGUMENTS, image.args_raw) if image.args_cut else image.argv

    def executing(self, path: str) -> Process:
        """Return a copy of the process whose executable has this path."""
        process = copy(self)
        process.image = copy(self.image)
        process.image._exepath = path
        return process

    def up(self) -> Process | None:
        """Return the parent or, if it has ended, the process that took over its children."""
        parent = self.parent
        if parent is None or parent.alive:
            return parent
        while parent is not None and not parent.alive and parent.reaper is not None:
            parent = parent.reaper
        if self.alive and parent is not None and parent is not self:
            self.parent = parent
            self.ppid = parent.pid
        return parent if parent is not self else None

    def ancestors(self) -> Iterator[Process]:
        """Yield the parent, the grandparent, and so on."""
        process: Process | None = self
        for _ in range(100):
            process = process.up() if process is not None else None
            if process is None:
                return
            yield process

    def environment(self) -> tuple[str, ...]:
        """Return the environment that it was started with, as ``NAME=value`` texts.

        :raises UnknownValueError: only its beginning is known, and that will not do.
        """
        image = self.image
        if image.env_raw is None:
            image.env_raw = procfs.read_if_same(self.pid, self.start, ENVIRONMENT)
            image.env_cut = len(image.env_raw) >= procfs.SNAP
        return LONGER.parts(self, ENVIRONMENT, image.env_raw) if image.env_cut else image.env

    def is_cut(self) -> bool:
        """Return whether arguments or environment are longer than what is known of them."""
        image = self.image
        if image.args_cut and not LONGER.is_whole(self, ARGUMENTS, image.args_raw):
            return True
        return image.env_cut and not LONGER.is_whole(self, ENVIRONMENT, image.env_raw or b"")


class ProcessTable:
    """The running processes, by pid.

    :ivar dropped: number of entries that were dropped at the limit.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.processes: dict[int, Process] = {}
        self.limit = limit
        self.dropped = 0

    def __len__(self) -> int:
        return len(self.processes)

    def by_number(self, pid: int) -> Process | None:
        """Return the process with this pid, or None."""
        return self.processes.get(pid)

    def cgroups(self) -> Set[int]:
        """Return the keys of the processes' cgroups."""
        return {process.cgroup for process in self.processes.values()}

    def fork(
        self, maker: Process, child: tuple[int, int, int, int], start: int, ppid: int, comm: str, cgroup: int
    ) -> Process:
        """Add a new process that *maker* created; *child* is (pid, tid, vpid, vtid)."""
        processes = self.processes
        known = processes.get(child[0])
        if known is not None and known.start == start:
            return known  # the task iterator already reported it
        process = Process(child[0], ppid, child[2], start, comm, cgroup, maker.image)
        process.session = maker.session
        process.cwd = maker.cwd
        process.parent = maker if ppid == maker.pid else self.processes.get(ppid)
        if len(processes) >= self.limit:
            self.make_room()
        processes[child[0]] = process
        return process

    def execute(self, process: Process, comm: str, image: Image, session: Session, cwd: str | None) -> None:
        """Record that *process* now runs another program."""
        process.comm = comm
        process.image = image
        process.session = session
        if cwd is not None:
            process.cwd = cwd

    def exit(self, process: Process, reaper_pid: int) -> None:
        """Record that *process* has ended and that *reaper_pid* took over its children."""
        if self.processes.get(process.pid) is process:
            del self.processes[process.pid]
        # Resolved while the parent is known, so that a chain of short-lived processes does not keep its members alive.
        process.parent = process.up()
        process.reaper = self.processes.get(reaper_pid)
        process.alive = False

    def add(self, process: Process, *, link: bool = True) -> Process:
        """Add a process; with *link* its parent is the process that has the pid *ppid* now."""
        if len(self.processes) >= self.limit:
            self.make_room()
        if link and process.ppid:
            process.parent = self.processes.get(process.ppid)
        self.processes[process.pid] = process
        return process

    def make_room(self) -> None:
        """Drop entries until there is room for one more: of the cgroup with the most processes, the oldest first.

        So a flood of processes pushes out its own.
        """
        while (surplus := len(self.processes) - self.limit + 1) > 0:
            ((crowd, _),) = Counter(process.cgroup for process in self.processes.values()).most_common(1)
            crowded = (pid for pid, process in self.processes.items() if process.cgroup == crowd)
            for pid in [*islice(crowded, max(surplus, self.limit // AT_ONCE))]:
                del self.processes[pid]
                self.dropped += 1
