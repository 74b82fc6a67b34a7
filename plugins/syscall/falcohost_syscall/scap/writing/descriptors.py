"""Tells a reader of the capture of descriptors: what it does not know of those that an event uses."""

from __future__ import annotations

from collections.abc import Iterator
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX
from typing import Final, NamedTuple

from falcohost_syscall.events.event import AT_FDCWD, FileFacts, SyscallEvent
from falcohost_syscall.events.sockets import LISTENING, SERVER, Socket
from falcohost_syscall.processes.table import LIMIT
from falcohost_syscall.scap.descriptors import Descriptor
from falcohost_syscall.scap.file_changes import O_DIRECTORY
from falcohost_syscall.scap.writing.addresses import address, ip_tuple, unix_tuple
from falcohost_syscall.scap.writing.teller import Teller

#: Calls that duplicate a descriptor; an event has that of the new one.
_DUPLICATES: Final = {"dup": "oldfd", "dup2": "oldfd", "dup3": "oldfd"}
#: Calls that change the socket that they use: the event has it as of after the call.
_CHANGES: Final = frozenset({"connect", "bind"})
#: Falco's flags: read and write, and an open for both.
_READ_WRITE: Final = 3
_FAMILIES: Final = {"ipv4": AF_INET, "ipv6": AF_INET6, "unix": AF_UNIX, "netlink": AF_NETLINK}
_STREAM, _DGRAM, _RAW = 1, 2, 3
_TYPES: Final = {"tcp": (_STREAM, 6), "udp": (_DGRAM, 17), "icmp": (_DGRAM, 1), "raw": (_RAW, 255)}
#: Calls that make descriptors of other kinds, and the parameters that need a value.
_MADE: Final = {
    "event": "eventfd2",
    "signalfd": "signalfd4",
    "inotify": "inotify_init1",
    "eventpoll": "epoll_create1",
    "timerfd": "timerfd_create",
    "userfaultfd": "userfaultfd",
    "io_uring": "io_uring_setup",
}
_BY_FD: Final = frozenset({"memfd", "bpf"})


class Told(NamedTuple):
    """A descriptor as an event knows it."""

    number: int
    kind: str
    name: str
    socket: Socket | None = None
    file: FileFacts | None = None


class Descriptors:
    """Compares the descriptors of each event with the reader's, and tells what differs.

    What was told once is not told again, even if a reader has no place for it.
    """

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._seen: dict[tuple[int, int], tuple[str, str]] = {}

    def before(self, event: SyscallEvent) -> None:
        """Tell what a reader lacks of the descriptors that *event* uses."""
        if not event.row.has_fd and event.row.dir_arg > _MOST_ARG and "fds" not in event.row.param_index:
            return
        thread = self._teller.tables.threads.get(event.tid)
        if thread is None:
            return
        for one in _used(event):
            known = thread.descriptors.get(one.number)
            if _agree(event, one, known):
                continue
            key, now = (event.pid, one.number), (one.kind, one.name)
            if known is not None and self._seen.get(key) == now:
                continue
            if len(self._seen) >= LIMIT:
                self._seen.clear()
            self._seen[key] = now
            self._tell(event.tid, one, known)

    def _tell(self, tid: int, one: Told, known: Descriptor | None) -> None:
        tell, fd = self._teller.tell, one.number
        ino = one.file.ino if one.file is not None else 0
        if one.kind in ("file", "directory"):
            if not one.name.startswith("/"):
                return
            bits = O_DIRECTORY if one.kind == "directory" else _READ_WRITE
            dev = one.file.dev if one.file is not None else 0
            tell("openat", tid, fd=fd, dirfd=AT_FDCWD, name=one.name, flags=bits, mode=0, dev=dev, ino=ino)
        elif one.kind == "pipe":
            tell("pipe2", tid, res=0, fd1=fd, fd2=fd, ino=ino, flags=0)
        elif one.kind in _FAMILIES:
            self._tell_socket(tid, one, known)
        elif one.kind == "pidfd":
            pid = one.name.removeprefix("/proc/")
            tell("pidfd_open", tid, fd=fd, pid=int(pid) if pid.isdecimal() else 0, flags=0)
        elif one.kind in _BY_FD:
            if one.kind == "memfd":
                tell("memfd_create", tid, fd=fd, name=one.name, flags=0)
            else:
                tell("bpf", tid, fd=fd, cmd=0)
        elif one.kind in _MADE:
            tell(_MADE[one.kind], tid, res=fd, flags=0)

    def _tell_socket(self, tid: int, one: Told, known: Descriptor | None) -> None:
        """Tell of a socket by the calls that make it what it is."""
        tell, fd, found = self._teller.tell, one.number, one.socket
        family = _FAMILIES[one.kind]
        if found is None:
            tell("socket", tid, fd=fd, domain=family, type=_STREAM, proto=0, flags=0)
            return
        kind, protocol = _TYPES.get(found.l4proto, (_STREAM, 0))
        ends = _ends(found)
        if found.role == SERVER and kind == _STREAM and ends:
            tell("accept4", tid, fd=fd, tuple=ends, queuepct=0, flags=0)
            return
        tell("socket", tid, fd=fd, domain=family, type=kind, proto=protocol, flags=0)
        if found.role == LISTENING and found.is_ip:
            tell("bind", tid, res=0, addr=address(found.family, found.local), fd=fd)
        elif ends:
            tell("connect", tid, res=0, tuple=ends, fd=fd)


def _ends(found: Socket) -> bytes:
    """Return both ends, the client's first, as a parameter; nothing if there are not two."""
    if found.family == AF_UNIX:
        objects, _, path = found.name.rpartition(" ")
        own, arrow, peer = objects.partition("->")
        if not found.name:
            return b""
        return unix_tuple((int(own, 16), int(peer, 16)) if arrow else (0, 0), path.encode(errors="replace"))
    if found.is_ip and found.destination.port and found.role != LISTENING:
        return ip_tuple(found.family, found.source, found.destination)
    return b""


#: The largest index of an argument.
_MOST_ARG: Final = 5


def _used(event: SyscallEvent) -> Iterator[Told]:
    """Yield the descriptors of which *event* knows more than a number."""
    row, number = event.row, event.fd_number
    for index, path in ((row.dir_arg, event.dirfd_path), (row.dir2_arg, event.dirfd2_path)):
        if index <= _MOST_ARG and path is not None and path.startswith("/"):
            fd = _number_in(event, str(index))
            if fd is not None and fd >= 0:
                yield Told(fd, "directory", path)
    if not row.has_fd:
        for fd, known in event.polled:
            if fd >= 0 and known is not None:
                yield Told(fd, known.type, known.name, known.socket)
        return
    if event.type in _DUPLICATES:
        number = _number_in(event, str(0))
    elif row.creates_fd or (row.used_fd is None and row.dir_fd is not None):
        return
    if number is None or number < 0:
        return
    kind, socket = event.fd_type, event.socket
    if kind is not None:
        name = (event.fdpath or "") if socket is None else socket.name
        yield Told(number, kind, name, socket, event.fdinfo)


def _number_in(event: SyscallEvent, source: str) -> int | None:
    for param in event.row.params:
        if param.source == source and param.kind == "fd":
            found = event.value(param)
            return found if isinstance(found, int) else None
    return None


def _agree(event: SyscallEvent, one: Told, known: Descriptor | None) -> bool:
    """Return whether a reader knows the descriptor as the event does."""
    if known is None:
        return False
    if one.socket is not None:
        if event.type in _CHANGES:  # one that is connected otherwise is a former socket with this number
            return known.ends is not None and ("->" not in known.name or known.name == one.name)
        if "tuple" in event.row.param_index and known.ends is not None and one.socket.l4proto != "tcp":
            return True  # the event tells the ends itself
        return known.kind == one.kind and known.name == one.name
    if known.kind != one.kind:
        return one.kind == "directory" and known.kind == "file" and known.name == one.name
    return known.name == one.name if one.kind in ("file", "directory") else True
