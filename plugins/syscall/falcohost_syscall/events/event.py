"""One system call event: a record's bytes, and the process that it belongs to. Decoded no further than a rule asks.

Made once for each record that passes the probe, so making one costs next to nothing: the header is unpacked, all else
waits in the bytes.
"""

from __future__ import annotations

from errno import EINPROGRESS
from socket import AF_UNIX
from sys import byteorder
from typing import Any

from falcohost_syscall.calls.rows import Call
from falcohost_syscall.events import sockets
from falcohost_syscall.events.sockets import Endpoint, Socket, Sockets
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.containers import Container, Containers
from falcohost_syscall.processes.table import Process, ProcessTable
from falcohost_syscall.processes.users import Users
from falcohost_syscall.records.record import (
    FDINFO,
    HEADER,
    NO_ARG,
    SEC_CGROUP,
    SEC_CWD,
    SEC_DIR,
    SEC_DIR2,
    SEC_FD,
    SEC_FDPATH,
    SEC_PAIR,
    SEC_PATH,
    SEC_PATH2,
    SEC_REALPATH,
    SEC_SOCK,
    SEC_SOCKADDR,
    SEC_UNIX,
    SEC_UNIXPEER,
    SECTION,
    FdInfo,
)
from falcohost_syscall.records.text import absolute, text

#: Places in the unpacked header.
TS, START, CGROUP, CAPS, RET, ARG0 = range(6)
PID, TID, PPID, VPID, VTID, UID, GID, LOGINUID, KIND, CALL, CPU, FLAGS, NSECTIONS, COMM = range(11, 25)

_FIRST_SECTION = HEADER.size
_CONNECTS, _ACCEPTS = frozenset({"connect"}), frozenset({"accept", "accept4"})
_SERVERS = frozenset({"bind", "listen"})
UNSET = 0xFFFFFFFF
AT_FDCWD = -100


class Context:
    """What events of one source share: the tables, the time of the boot and that of the first event (ns, epoch)."""

    def __init__(self, boot: int = 0) -> None:
        self.boot = boot
        self.first: int | None = None
        self.table = ProcessTable()
        self.containers = Containers()
        self.sockets = Sockets()
        self.users = Users()
        self._times = (0, 0)

    def since_previous(self, ts: int) -> int:
        """Return the time between the event at *ts* and the one before for which this was asked."""
        before, last = self._times
        if ts != last:
            before = last or ts
            self._times = (before, ts)
        return max(ts - before, 0)


def sections(data: bytes) -> dict[int, bytes]:
    """Return the sections of a record by tag (of several with one tag, the last)."""
    found: dict[int, bytes] = {}
    position, end = _FIRST_SECTION, len(data)
    unpack = SECTION.unpack_from
    while position + 4 <= end:
        tag, size = unpack(data, position)
        position += 4
        found[tag] = data[position : position + size]
        position += size
    return found


def cgroup_sections(data: bytes) -> list[str]:
    """Return the cgroups in a record, as ``subsystem=path``."""
    found = []
    position, end = _FIRST_SECTION, len(data)
    while position + 4 <= end:
        tag, size = SECTION.unpack_from(data, position)
        position += 4
        if tag == SEC_CGROUP:
            found.append(text(data[position : position + size]))
        position += size
    return found


def command(comm: bytes) -> str:
    """Return the text of a header's ``comm``."""
    return text(comm.split(b"\0", 1)[0])


class SyscallEvent:
    """One event of the source ``syscall``; everything but the four attributes of an event is reached through fields."""

    __slots__ = (
        "_fdinfo", "_moved", "_sections", "_socket", "ctx", "data", "fd_type", "h", "num", "proc", "row", "ts", "type"
    )  # fmt: skip
    fd_type: str | None
    _fdinfo: FdInfo | None
    _socket: Socket | None
    _moved: bool
    source = "syscall"

    def __init__(self, row: Call, h: tuple[Any, ...], data: bytes, num: int, proc: Process, ctx: Context) -> None:
        self.type = row.name
        self.row = row
        self.h = h
        self.data = data
        self.ts: int = h[0] + ctx.boot
        self.num = num
        self.proc = proc
        self.ctx = ctx
        self._sections: dict[int, bytes] | None = None

    def __repr__(self) -> str:
        return f"<{self.type} of {self.h[PID]} ({self.proc.comm}), returned {self.h[RET]}>"

    @property
    def key(self) -> str:
        """Names the event: a thread does one thing at a time."""
        return f"{self.h[TS]:x}.{self.h[TID]:x}.{self.h[CALL]:x}"

    @property
    def actor(self) -> tuple[int, int]:
        """Names the process that did it."""
        h = self.h
        return h[PID], h[START]

    @property
    def start_ts(self) -> int | None:
        """Return the time of the first event that the source delivered."""
        return self.ctx.first

    @property
    def sections(self) -> dict[int, bytes]:
        """Return the record's sections by tag."""
        found = self._sections
        if found is None:
            found = self._sections = sections(self.data)
        return found

    def section(self, tag: int) -> bytes | None:
        """Return one section's data, or None if the record has none of it."""
        return self.sections.get(tag)

    def text_of(self, tag: int) -> str | None:
        """Return one section as text."""
        data = self.sections.get(tag)
        return None if data is None else text(data)

    def arg(self, index: int) -> int:
        """Return an argument of the call, unsigned."""
        value: int = self.h[ARG0 + index]
        return value

    def signed_arg(self, index: int) -> int:
        """Return an argument of the call that is an int in C."""
        value: int = self.h[ARG0 + index] & 0xFFFFFFFF
        return value - 0x100000000 if value & 0x80000000 else value

    @property
    def container(self) -> Container:
        """Return the container of the thread that did it; the host if it is in none."""
        return self.ctx.containers.get(self.h[CGROUP])

    @property
    def cwd(self) -> str | None:
        """Return the working directory; None where it is not known."""
        if (told := self.text_of(SEC_CWD)) is not None:
            return told
        process = self.proc
        if process.cwd is None and procfs.same(process.pid, process.start):
            process.cwd = procfs.link(process.pid, "cwd")
        return process.cwd

    # What the event's file descriptor is.

    @property
    def fd_number(self) -> int | None:
        """Return the descriptor that the call made (-1: none), used, or took as directory; None: it is about none."""
        row = self.row
        if row.creates_fd:
            pair = self.section(SEC_PAIR)
            return int.from_bytes(pair[:4], byteorder, signed=True) if pair else max(self.h[RET], -1)
        index = row.used_fd if row.used_fd is not None else row.dir_fd
        return None if index is None else self.signed_arg(index)

    @property
    def dirfd_path(self) -> str | None:
        """Return the path behind the descriptor of a directory that was passed beside the first path."""
        row = self.row
        return None if row.dir_arg >= NO_ARG or self.signed_arg(row.dir_arg) == AT_FDCWD else self.text_of(SEC_DIR)

    @property
    def dirfd2_path(self) -> str | None:
        """Return the path behind the descriptor of a directory that was passed beside the second path."""
        row = self.row
        return None if row.dir2_arg >= NO_ARG or self.signed_arg(row.dir2_arg) == AT_FDCWD else self.text_of(SEC_DIR2)

    @property
    def fdinfo(self) -> FdInfo | None:
        """Return what the kernel says of the descriptor's file; None if there is none, as after a failed open."""
        try:
            return self._fdinfo
        except AttributeError:
            data = self.section(SEC_FD)
            self._fdinfo = FdInfo._make(FDINFO.unpack_from(data)) if data else None
            return self._fdinfo

    @property
    def fdpath(self) -> str | None:
        """Return the path of the descriptor's file, found by the kernel."""
        return self.text_of(SEC_FDPATH)

    @property
    def file_name(self) -> str | None:
        """Return the path of the descriptor's file; of its names the one under which the event is seen."""
        return self.fdpath

    @property
    def socket(self) -> Socket | None:
        """Return the socket of the descriptor, its two ends in their roles."""
        try:
            return self._socket
        except AttributeError:
            self._socket = self._read_socket()
            return self._socket

    def _read_socket(self) -> Socket | None:
        found = self.sections
        data = found.get(SEC_SOCK)
        if data is None:
            return None
        socket = Socket(data, found.get(SEC_UNIX), found.get(SEC_UNIXPEER))
        if (end := self.passed_address) is not None and self.type not in _SERVERS:
            sent = socket.l4proto == "tcp" and self.h[RET] >= 0  # TCP sends to no other end than it has
            if not ((self._connected or sent) and socket.remote.port):
                socket.towards(end)
        elif end is not None and socket.family == AF_UNIX:
            socket.own_path = end.path or socket.own_path
        socket.settle(self._role(socket), incoming=self.row.io == "read")
        return socket

    @property
    def _connected(self) -> bool:
        """Tell whether a socket was connected, which knows its other end; the caller's memory may say another."""
        return self.type in _CONNECTS and self.h[RET] in (0, -EINPROGRESS)

    def _role(self, socket: Socket) -> str | None:
        if self.type in _CONNECTS:
            return sockets.CLIENT
        if self.type in _ACCEPTS:
            return sockets.SERVER
        if self.type in _SERVERS:
            return sockets.LISTENING
        return self.ctx.sockets.role(socket.ino)

    @property
    def passed_address(self) -> Endpoint | None:
        """Return the address that the caller passed (connect, bind, sendto) or got (recvfrom, recvmsg)."""
        data = self.section(SEC_SOCKADDR)
        parsed = sockets.parse_sockaddr(data) if data else None
        return parsed[1] if parsed else None

    def note_socket(self) -> None:
        """Let later events know who connected and who accepted."""
        if self.type in _CONNECTS | _ACCEPTS and (socket := self.socket) is not None and socket.is_ip:
            self.ctx.sockets.note(socket.ino, sockets.CLIENT if self.type in _CONNECTS else sockets.SERVER)

    def note_destination(self) -> None:
        """Find out if the socket sends to another end than before."""
        end, socket = self.passed_address, self.socket
        moved = end is not None and socket is not None and self.h[RET] >= 0
        self._moved = moved and end is not None and socket is not None and self.ctx.sockets.moved(socket.ino, end)

    @property
    def moved(self) -> bool:
        """Tell whether the event changed where the socket leads to."""
        if self.type in _CONNECTS or self.type in _ACCEPTS:
            return self._connected or self.type in _ACCEPTS
        try:
            return self._moved
        except AttributeError:
            return False

    # Paths that the caller passed.

    @property
    def path(self) -> str | None:
        """Return the first path argument as passed."""
        return self.text_of(SEC_PATH)

    @property
    def path2(self) -> str | None:
        """Return the second path argument as passed."""
        return self.text_of(SEC_PATH2)

    @property
    def abspath(self) -> str | None:
        """Return the first path argument, made absolute by its text."""
        path = self.path
        return None if path is None else absolute(self.text_of(SEC_DIR), path)

    @property
    def abspath2(self) -> str | None:
        """Return the second path argument, made absolute by its text."""
        path = self.path2
        return None if path is None else absolute(self.text_of(SEC_DIR2), path)

    @property
    def reached(self) -> bool:
        """Tell whether the record says what these two led to."""
        return self.row.leads and SEC_REALPATH in self.sections
