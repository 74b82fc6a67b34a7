"""What the fields read of a record: the descriptor, socket and paths of one system call."""

from __future__ import annotations

from errno import EINPROGRESS
from socket import AF_UNIX
from sys import byteorder

from falcohost import ProcessSubject
from falcohost_syscall.drivers.modern_ebpf.decoding import fd_types, values
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import ARG0, CGROUP
from falcohost_syscall.drivers.modern_ebpf.decoding.record import Record
from falcohost_syscall.drivers.modern_ebpf.decoding.socket_records import socket_of
from falcohost_syscall.events import sockets
from falcohost_syscall.events.event import AT_FDCWD
from falcohost_syscall.events.sockets import Endpoint, Socket
from falcohost_syscall.parameters.paths import OPENS_WITH_FLAGS
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.containers import Container
from falcohost_syscall.processes.subject import live_subject
from falcohost_syscall.records.record import (
    FDINFO,
    NO_ARG,
    SEC_CWD,
    SEC_DATA,
    SEC_DIR,
    SEC_DIR2,
    SEC_FD,
    SEC_FDPATH,
    SEC_HOSTPATH,
    SEC_PAIR,
    SEC_PATH,
    SEC_PATH2,
    SEC_REALPATH,
    SEC_SOCK,
    SEC_SOCKADDR,
    SEC_STR,
    SEC_UNIX,
    SEC_UNIXPEER,
    SEC_WATCHED,
    FdInfo,
)
from falcohost_syscall.records.text import absolute, text

_CONNECTS, _ACCEPTS = frozenset({"connect"}), frozenset({"accept", "accept4"})
_SERVERS = frozenset({"bind", "listen"})


class RecordEvent(Record):
    """One event: what the fields read of a record (:class:`~falcohost_syscall.events.event.SyscallEvent`)."""

    __slots__ = ()

    @property
    def container(self) -> Container:
        """Return the container of the thread that did it; the host if it is in none."""
        return self.ctx.containers.get(self.h[CGROUP])

    @property
    def cgroups(self) -> tuple[str, ...]:
        """Return the cgroups of the thread, as ``subsystem=path``."""
        return self.ctx.containers.cgroups(self.h[CGROUP])

    @property
    def subject(self) -> ProcessSubject:
        """Return the process, as alerts have it."""
        return live_subject(self.pid, self.start, self.h[CGROUP], self.cgroups)

    @property
    def cwd(self) -> str | None:
        """Return the working directory; None where it is not known."""
        if (told := self.text_of(SEC_CWD)) is not None:
            return told
        process = self.proc
        if process.cwd is None and procfs.same(process.pid, process.start):
            process.cwd = procfs.link(process.pid, "cwd")
        return process.cwd

    value = values.value

    # What the event's file descriptor is.

    @property
    def fd_type(self) -> str | None:
        """Return the type of the event's descriptor; None if it is about none, or the call failed to make one."""
        try:
            return self._fd_type
        except AttributeError:  # not asked for before
            self._fd_type = fd_types.fd_type(self)
            return self._fd_type

    def stream(self, number: int) -> tuple[str, str] | None:
        """Return type and path of descriptor *number* of the process, from ``/proc``."""
        process = self.proc
        target = fd_types.open_fd(process.pid, number) if procfs.same(process.pid, process.start) else None
        return None if target is None else (fd_types.link_type(process.pid, number, target), target)

    @property
    def open_types(self) -> tuple[str, ...]:
        """Return the types of the process's descriptors, each once, from ``/proc``."""
        return fd_types.open_types(self.proc.pid)

    @property
    def buffer(self) -> bytes | None:
        """Return the first bytes of what was read or written."""
        return self.section(SEC_DATA)

    @property
    def fd_number(self) -> int | None:
        """Return the descriptor that the call made (-1: none), used, or took as directory; None: it is about none."""
        row = self.row
        if row.creates_fd:
            pair = self.section(SEC_PAIR)
            return int.from_bytes(pair[:4], byteorder, signed=True) if pair else max(self.ret, -1)
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
        socket = socket_of(data, found.get(SEC_UNIX), found.get(SEC_UNIXPEER))
        if (end := self.passed_address) is not None and self.type not in _SERVERS:
            sent = socket.l4proto == "tcp" and self.ret >= 0  # TCP sends to no other end than it has
            if not ((self._connected or sent) and socket.remote.port):
                socket.towards(end)
        elif end is not None and socket.family == AF_UNIX:
            socket.own_path = end.path or socket.own_path
        socket.settle(self._role(socket), incoming=self.row.io == "read")
        return socket

    @property
    def _connected(self) -> bool:
        """Return whether a socket was connected, which knows its other end; the caller's memory may say another."""
        return self.type in _CONNECTS and self.ret in (0, -EINPROGRESS)

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
        moved = end is not None and socket is not None and self.ret >= 0
        self._moved = moved and end is not None and socket is not None and self.ctx.sockets.moved(socket.ino, end)

    @property
    def moved(self) -> bool:
        """Return whether the event changed where the socket leads to."""
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
        """Return whether the record says what these two led to."""
        return self.row.leads and SEC_REALPATH in self.sections

    @property
    def string(self) -> str | None:
        """Return the further string argument."""
        return self.text_of(SEC_STR)

    @property
    def access(self) -> int | None:
        """Return how an open asked for its file."""
        place = OPENS_WITH_FLAGS.get(self.type)
        return None if place is None else self.h[ARG0 + place] & 3

    @property
    def requested(self) -> str | None:
        """Return the path that was passed to open the event's file, made absolute by its text."""
        return self.abspath if self.row.opens else None

    @property
    def host_path(self) -> str | None:
        """Return the path by which the machine's init reaches the file, where the process has another."""
        return self.text_of(SEC_HOSTPATH)

    @property
    def watched_path(self) -> str | None:
        """Return the first of the paths by which the file is watched."""
        names = self.watched_names
        return names[0] if names else None

    @property
    def watched_names(self) -> list[str]:
        """Return the paths by which the file is watched."""
        told = self.section(SEC_WATCHED)
        return [] if told is None else [text(name) for name in told.split(b"\0")[:-1]]
