"""Keeps threads, processes and descriptors as of one moment of a capture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from falcohost_syscall.events.event import Context, UserNames
from falcohost_syscall.processes.containers import Containers
from falcohost_syscall.processes.described import SHORT, DescribedContainers
from falcohost_syscall.processes.table import LIMIT, Image, Process, ProcessTable, Session
from falcohost_syscall.records.record import EXE_FROM_MEMFD, EXE_LOWER_LAYER, EXE_UPPER_LAYER, EXE_WRITABLE
from falcohost_syscall.records.text import text
from falcohost_syscall.scap.descriptors import Descriptor, listed, server_ports
from falcohost_syscall.scap.lists import UNSET, ListedDescriptor, ListedThread, ListedUser
from falcohost_syscall.scap.sockets import Interfaces

UNKNOWN: Final = "<NA>"
#: The pid of a thread of which nothing is known but its number.
NOBODY: Final = -1
#: Most containers of which accounts are told, and accounts of each; most bytes of a name, and of a path, as in Falco.
_TOLD, _ACCOUNTS = 1024, 1024
_NAME, _PATH = 256, 1024
_NO_SESSION: Final[Session] = (-1, -1, -1, -1, 0)


@dataclass(slots=True)
class Thread:
    """A thread: its process, what may differ between threads, and the descriptors that they share.

    :ivar process: what fields read; a copy of its own for a thread whose name or arguments differ from its process's.
    :ivar leader: the process itself, with the working directory.
    :ivar start: when it was created; 0 if it existed when the capture began.
    :ivar cpu_times: what procinfo told last of the processor's time: for the thread, in the kernel, and their sum.
    :ivar cpu_shares: what each has grown by, as a percentage.
    :ivar memory: KiB of memory: virtual, in RAM, swapped out; page faults that read a disk, and others.
    """

    tid: int
    process: Process
    leader: Process
    vtid: int = -1
    vpid: int = -1
    uid: int = UNSET
    gid: int = UNSET
    loginuid: int = UNSET
    caps: int = 0
    cgroup: int = 0
    start: int = 0
    fd_limit: int = -1
    memory: tuple[int, ...] = (0, 0, 0, 0, 0)
    descriptors: dict[int, Descriptor] = field(default_factory=dict)
    came_first: bool = False
    cpu_times: tuple[int, int, int] = (0, 0, 0)
    cpu_shares: tuple[float, float, float] | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known of the thread but its number."""
        return self.process.pid < 0 or self.process.ppid < 0

    @property
    def is_main(self) -> bool:
        """Whether it is the main thread of its process."""
        return self.tid == self.process.pid


class CapturedUsers:
    """The users and groups of the machine on which a capture was taken, or of a container: at most *most* of each."""

    def __init__(self, most: int = LIMIT) -> None:
        self._users: dict[int, ListedUser] = {}
        self._groups: dict[int, ListedUser] = {}
        self._most = most

    def add(self, user: ListedUser) -> None:
        """Add a user or a group; those who come beyond the limit have no name."""
        known = self._groups if user.is_group else self._users
        if len(known) < self._most or user.number in known:
            user.name, user.home, user.shell = user.name[:_NAME], user.home[:_PATH], user.shell[:_PATH]
            known[user.number] = user

    def remove(self, number: int, *, is_group: bool) -> None:
        """Remove a user or a group."""
        (self._groups if is_group else self._users).pop(number, None)

    def name(self, uid: int) -> str:
        """Return the name of a user."""
        user = self._users.get(uid)
        return UNKNOWN if user is None else text(user.name)

    def home(self, uid: int) -> str:
        """Return a user's home directory."""
        user = self._users.get(uid)
        return UNKNOWN if user is None else text(user.home)

    def shell(self, uid: int) -> str:
        """Return a user's login shell."""
        user = self._users.get(uid)
        return UNKNOWN if user is None else text(user.shell)

    def group(self, gid: int) -> str:
        """Return the name of a group."""
        group = self._groups.get(gid)
        return UNKNOWN if group is None else text(group.name)


class CapturedAccounts:
    """The users and groups of containers, as far as a capture tells them; else those of the *machine*."""

    def __init__(self, machine: UserNames) -> None:
        self._machine = machine
        self._told: dict[str, CapturedUsers] = {}

    def told(self, container: str) -> CapturedUsers:
        """Return what is told of the container with this short id, to which more is added."""
        found = self._told.get(container)
        if found is None:
            if len(self._told) >= _TOLD:
                del self._told[next(iter(self._told))]
            found = self._told[container] = CapturedUsers(_ACCOUNTS)
        return found

    def of(self, container: str, _: Process) -> UserNames:
        """Return those of the container with this id."""
        return self._told.get(container[:SHORT], self._machine)


class _Processes(ProcessTable):
    """The processes of a capture, which are also found by the numbers of their threads."""

    def __init__(self, threads: dict[int, Thread]) -> None:
        super().__init__()
        self._threads = threads

    def by_number(self, pid: int) -> Process | None:
        """Return the process of the thread that has this number."""
        found = self._threads.get(pid)
        return None if found is None or found.is_unknown else found.process


class Tables:
    """The state of one machine.

    :param users: its accounts, unless lists tell them; *containers*: its containers, if runtimes can be asked.
    :ivar context: the tables that events share, with *processes* and *users*.
    :ivar described: what the capture tells of containers; *accounts*: of their users and groups.
    :ivar groups: the threads of each process by its pid.
    :ivar hostname: the name of the captured machine; None: this one.
    """

    def __init__(self, users: UserNames | None = None, containers: Containers | None = None) -> None:
        self.hostname: str | None = None
        self.threads: dict[int, Thread] = {}
        self.processes = _Processes(self.threads)
        self.users = CapturedUsers()
        self.interfaces = Interfaces()
        known = Containers(exists=lambda claim: False, owner=lambda path: 0) if containers is None else containers
        self.context = Context(self.processes, self.users if users is None else users, known)
        self.described = DescribedContainers()
        self.accounts = CapturedAccounts(self.context.users)
        if users is None:
            self.context.inside = self.accounts
        self.groups: dict[int, set[int]] = {}
        self._cgroups: dict[bytes, int] = {}
        self._keys = count(1)
        self._listed: list[tuple[int, list[ListedDescriptor]]] = []

    def thread(self, tid: int) -> Thread:
        """Return a thread; one that is not known is added, with what can be found out of it."""
        return self.new_thread(tid)

    def new_thread(self, tid: int) -> Thread:
        """Return a thread; one that is not known is added, with a process of which nothing is known."""
        return self.threads.get(tid) or self.add(unknown(tid))

    def add(self, thread: Thread) -> Thread:
        """Add a thread; beyond the limit the oldest ones are dropped."""
        threads = self.threads
        if len(threads) >= LIMIT and thread.tid not in threads:
            self.remove(threads[next(iter(threads))])
        threads[thread.tid] = thread
        if thread.process.pid >= 0:
            self.groups.setdefault(thread.process.pid, set()).add(thread.tid)
        return thread

    def remove(self, thread: Thread) -> bool:
        """Remove a thread; return whether it was the last one of its process."""
        self.threads.pop(thread.tid, None)
        group = self.groups.get(thread.process.pid)
        if group is None:
            return True
        group.discard(thread.tid)
        if not group:
            del self.groups[thread.process.pid]
        return not group

    def parent(self, number: int) -> Process | None:
        """Return the process whose thread, or whose main thread, has this number."""
        thread = self.threads.get(number) if number > 0 else None
        return None if thread is None or thread.is_unknown else thread.leader

    def cgroup(self, lines: bytes) -> int:
        """Return the key of *lines*, cgroups as ``subsystem=path`` that are each terminated by a zero."""
        key = self._cgroups.get(lines)
        if key is None:
            if len(self._cgroups) >= LIMIT:
                self._cgroups.clear()
            key = self._cgroups[lines] = next(self._keys)
            self.context.containers.learn(key, [_renamed(line) for line in text(lines).split("\0") if line])
        return key

    def told_cgroup(self, lines: bytes, tid: int, before: int) -> int:
        """Return the key of the cgroups that an event of a thread tells, which has had or inherited those of *before*.

        :param tid: 0: the thread has just begun.
        """
        return self.cgroup(lines)

    # What the lists at the beginning tell.

    def list_thread(self, found: ListedThread) -> None:
        """Add a thread that existed when the capture began."""
        process = self._listed_process(found)
        leader = self.processes.processes.get(found.pid)
        if found.tid == found.pid or leader is None:
            leader = self.processes.add(process, link=False)
        else:
            process.image.env_raw = leader.image.env_raw
        thread = Thread(found.tid, process, leader, found.vtid, found.vpid, found.uid, found.gid, found.more[2])
        thread.caps, thread.cgroup = found.more[6], self.cgroup(found.cgroups)
        thread.fd_limit, thread.memory = found.fd_limit, found.memory
        self.add(thread)

    def _listed_process(self, found: ListedThread) -> Process:
        made = Image(joined(found.exe, found.args), found.env, found.exepath)
        pidns, tty, _, writable, inheritable, permitted, _, upper, ino, ctime, mtime, memfd, lower, pgid = found.more
        made.caps = (permitted, inheritable)
        made.ino, made.ctime, made.mtime, made.pidns_start = ino, ctime, mtime, pidns
        made.exe_flags = exe_flags(writable, upper, memfd, lower)
        process = Process(found.pid, found.ppid, found.vpid, 0, text(found.comm), self.cgroup(found.cgroups), made)
        process.session = (found.sid, pgid, found.sid, found.vpgid, tty)
        process.cwd = text(found.cwd).rstrip("/") or "/"
        return process

    def list_descriptors(self, tid: int, found: list[ListedDescriptor]) -> None:
        """Remember the descriptors of a thread that existed when the capture began."""
        self._listed.append((tid, found))

    def link(self, threads: Iterable[Thread] | None = None) -> None:
        """Set the parents of processes, and give threads their descriptors, once all are listed; or only *threads*."""
        for thread in self.threads.values() if threads is None else threads:
            thread.process.parent = self.parent(thread.process.ppid)
            main = self.threads.get(thread.process.pid)
            if main is not None and main is not thread:
                thread.leader, thread.descriptors = main.leader, main.descriptors
                thread.process.image.env_raw = main.process.image.env_raw
        servers = frozenset[int]().union(*(server_ports(found) for _, found in self._listed))
        for tid, found in self._listed:
            if (known := self.threads.get(tid)) is not None:
                known.descriptors.update((one.number, listed(one, servers)) for one in found)
        self._listed.clear()


def unknown(tid: int) -> Thread:
    """Return a thread of which nothing is known but its number."""
    process = Process(NOBODY, NOBODY, NOBODY, 0, UNKNOWN, 0, Image(UNKNOWN.encode(), b"", b""))
    process.image.caps = (0, 0)
    process.session = _NO_SESSION
    process.cwd = "./"
    return Thread(tid, process, process)


def joined(exe: bytes, args: bytes) -> bytes:
    """Return the zeroth argument and those after it as one text."""
    if args == b"\0":  # as in Falco, one empty argument is none
        args = b""
    return exe + b"\0" + args if exe or args else b""


def exe_flags(writable: int, upper: int, memfd: int, lower: int) -> int:
    """Return :attr:`Image.exe_flags` of an executable with these properties."""
    bits = ((writable, EXE_WRITABLE), (upper, EXE_UPPER_LAYER), (lower, EXE_LOWER_LAYER), (memfd, EXE_FROM_MEMFD))
    return sum(bit for is_so, bit in bits if is_so)


def _renamed(line: str) -> str:
    """Return a cgroup with the name that Falco gives to version 2's ``io``."""
    return f"blk{line}" if line.startswith("io=") else line
