"""Keeps threads, processes and descriptors as of one moment of a capture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX
from typing import Final

from falcohost_syscall.drivers.scap.lists import UNSET, ListedDescriptor, ListedThread, ListedUser
from falcohost_syscall.events.event import Context
from falcohost_syscall.events.sockets import Endpoint, Socket
from falcohost_syscall.processes.containers import Containers
from falcohost_syscall.processes.table import LIMIT, Image, Process, ProcessTable
from falcohost_syscall.records.record import EXE_FROM_MEMFD, EXE_LOWER_LAYER, EXE_UPPER_LAYER, EXE_WRITABLE
from falcohost_syscall.records.text import text

#: Falco's ``fd.type`` by the type of a listed descriptor.
_KINDS: Final = {
    1: "file",
    2: "directory",
    3: "ipv4",
    4: "ipv6",
    5: "ipv4",
    6: "ipv6",
    7: "pipe",
    8: "unix",
    9: "event",
    11: "signalfd",
    12: "eventpoll",
    13: "inotify",
    14: "timerfd",
    15: "netlink",
    16: "file",
    17: "bpf",
    18: "userfaultfd",
    19: "io_uring",
    20: "memfd",
    21: "pidfd",
}
FAMILIES: Final = {"ipv4": AF_INET, "ipv6": AF_INET6, "unix": AF_UNIX, "netlink": AF_NETLINK}
#: Type and protocol of a socket, by the number of the protocol in lists.
_L4: Final = {2: (1, 6), 3: (2, 17), 4: (3, 1), 5: (3, 0)}
_SERVERS: Final = (5, 6)
#: Flags of an opened file: its layer in an overlay file system.
_UPPER, _LOWER = 0x8000, 0x10000
UNKNOWN: Final = "<NA>"
_NOWHERE: Final = Endpoint()


@dataclass(slots=True)
class Ends:
    """A socket: type, protocol, both ends, and the role of this end (:mod:`.events.sockets`)."""

    type: int = 0
    protocol: int = 0
    local: Endpoint = _NOWHERE
    remote: Endpoint = _NOWHERE
    role: str | None = None
    objects: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class Descriptor:
    """The file of a descriptor, which is also the ``FileFacts`` of an event; *kind* is Falco's ``fd.type``."""

    kind: str
    name: str = ""
    ino: int = 0
    dev: int = 0
    layer: int = 0
    ends: Ends | None = None

    def socket(self, *, incoming: bool) -> Socket | None:
        """Return the socket with the roles of its ends; None if it is not a socket."""
        ends, family = self.ends, FAMILIES.get(self.kind)
        if ends is None or family is None:
            return None
        paths = (ends.local.path or "", ends.remote.path or "")
        found = Socket(
            family, ends.type, ends.protocol, ends.local, ends.remote, ino=self.ino, paths=paths, ends=ends.objects
        )
        found.settle(ends.role, incoming)
        return found


@dataclass(slots=True)
class Thread:
    """A thread: its process, what may differ between threads, and the descriptors that they share."""

    tid: int
    process: Process
    vtid: int
    uid: int = 0
    gid: int = 0
    loginuid: int = UNSET
    caps: int = 0
    cgroup: int = 0
    descriptors: dict[int, Descriptor] = field(default_factory=dict)

    def copied(self, tid: int, process: Process, vtid: int, descriptors: dict[int, Descriptor]) -> Thread:
        """Return a thread that this one has created."""
        return replace(self, tid=tid, process=process, vtid=vtid, descriptors=descriptors)


class CapturedUsers:
    """The users and groups of the machine on which a capture was taken."""

    def __init__(self) -> None:
        self._users: dict[int, ListedUser] = {}
        self._groups: dict[int, ListedUser] = {}

    def add(self, user: ListedUser) -> None:
        """Add a user or a group."""
        (self._groups if user.is_group else self._users)[user.number] = user

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


class Tables:
    """The state of the captured machine.

    :ivar context: the tables that events share, with *processes* and *users*.
    """

    def __init__(self) -> None:
        self.processes = ProcessTable()
        self.users = CapturedUsers()
        self.context = Context(self.processes, self.users, Containers(exists=lambda claim: False))
        self.threads: dict[int, Thread] = {}
        self._cgroups: dict[bytes, int] = {}

    def thread(self, tid: int) -> Thread:
        """Return a thread; an unknown one is added with an empty process."""
        found = self.threads.get(tid)
        return (
            self.add(Thread(tid, Process(tid, 0, tid, 0, "", 0, Image(b"", b"", b"")), tid)) if found is None else found
        )

    def add(self, thread: Thread) -> Thread:
        """Add a thread; beyond the limit the oldest ones are dropped."""
        self.threads[thread.tid] = thread
        if len(self.threads) > LIMIT:
            del self.threads[next(iter(self.threads))]
        return thread

    def cgroup(self, lines: bytes) -> int:
        """Return the key of *lines*, cgroups as ``subsystem=path`` that are each terminated by a zero."""
        key = self._cgroups.get(lines)
        if key is None:
            key = self._cgroups[lines] = len(self._cgroups) + 1
            paths = [line for line in text(lines).split("\0") if line.partition("=")[2] not in ("", "/")]
            self.context.containers.learn(key, paths)
        return key

    def list_thread(self, listed: ListedThread) -> None:
        """Add a thread that existed when the capture began."""
        process = self.processes.processes.get(listed.pid)
        if process is None or listed.tid == listed.pid:
            process = self._listed_process(listed)
        cgroup = self.cgroup(listed.cgroups)
        loginuid, caps = listed.more[2], listed.more[6]
        vtid = listed.tid if listed.vtid < 0 else listed.vtid
        self.add(Thread(listed.tid, process, vtid, listed.uid, listed.gid, loginuid, caps, cgroup))

    def _listed_process(self, listed: ListedThread) -> Process:
        args = listed.exe + b"\0" + listed.args if listed.exe else listed.args
        made = Image(args, listed.env, listed.exepath)
        pidns, tty, _, writable, inheritable, permitted, _, upper, ino, ctime, mtime, memfd, lower, pgid = listed.more
        made.caps = (permitted, inheritable)
        made.ino, made.ctime, made.mtime, made.pidns_start = ino, ctime, mtime, pidns
        made.exe_flags = exe_flags(writable, upper, memfd, lower)
        vpid = listed.pid if listed.vpid < 0 else listed.vpid
        process = Process(listed.pid, listed.ppid, vpid, 0, text(listed.comm), self.cgroup(listed.cgroups), made)
        process.session = (listed.sid, pgid, listed.sid, listed.vpgid, tty)
        process.cwd = text(listed.cwd).rstrip("/") or "/"
        return self.processes.add(process, link=False)

    def link(self) -> None:
        """Set the parents of processes, and share descriptors among threads, once all are listed."""
        processes = self.processes.processes
        for process in processes.values():
            process.parent = processes.get(process.ppid)
        for thread in self.threads.values():
            main = self.threads.get(thread.process.pid)
            if main is not None:
                thread.descriptors = main.descriptors

    def list_descriptors(self, tid: int, listed: list[ListedDescriptor]) -> None:
        """Add the descriptors of a thread that existed when the capture began."""
        if (thread := self.threads.get(tid)) is not None:
            thread.descriptors |= {descriptor.number: _descriptor(descriptor) for descriptor in listed}


def exe_flags(writable: int, upper: int, memfd: int, lower: int) -> int:
    """Return :attr:`Image.exe_flags` of an executable with these properties."""
    bits = ((writable, EXE_WRITABLE), (upper, EXE_UPPER_LAYER), (lower, EXE_LOWER_LAYER), (memfd, EXE_FROM_MEMFD))
    return sum(bit for is_so, bit in bits if is_so)


def layer_of(flags: int) -> int:
    """Return the overlay layer in Falco's flags of an open (:attr:`FileFacts.layer`)."""
    return 1 if flags & _UPPER else 2 if flags & _LOWER else 0


def _descriptor(listed: ListedDescriptor) -> Descriptor:
    kind = _KINDS.get(listed.type, UNKNOWN)
    found = Descriptor(kind, text(listed.name), listed.ino, listed.dev, layer_of(listed.flags))
    if listed.ends is not None:
        local, lport, remote, rport = listed.ends
        type_, protocol = _L4.get(listed.l4proto, (0, 0))
        role = "listening" if listed.type in _SERVERS else None
        found.ends = Ends(type_, protocol, Endpoint(local, lport), Endpoint(remote, rport), role)
    elif kind in FAMILIES:
        found.ends = Ends(1, 0, Endpoint(), Endpoint(path=found.name), objects=listed.addresses)
    return found


def families() -> Mapping[int, str]:
    """Return Falco's ``fd.type`` of sockets by family."""
    return {family: kind for kind, family in FAMILIES.items()}
