"""Reads the descriptor, socket and paths of a system call from the probe's record."""

from __future__ import annotations

from collections.abc import Sequence
from errno import EINPROGRESS
from socket import AF_UNIX
from sys import byteorder

from falcohost import ProcessSubject
from falcohost_syscall.drivers.modern_ebpf.decoding import fd_types, present, values
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import ARG0, CGROUP
from falcohost_syscall.drivers.modern_ebpf.decoding.passed import polled
from falcohost_syscall.drivers.modern_ebpf.decoding.record_facts import RecordFacts
from falcohost_syscall.drivers.modern_ebpf.decoding.socket_records import socket_of
from falcohost_syscall.events import sockets
from falcohost_syscall.events.event import AT_FDCWD, POLLS, OpenDescriptor, Resources
from falcohost_syscall.events.sockets import Endpoint, Socket
from falcohost_syscall.parameters.paths import OPENS_WITH_FLAGS
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.boot_clock import ticks
from falcohost_syscall.processes.cgroup_names import Container
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


class RecordEvent(RecordFacts):
    """One event, read from a record (:class:`~falcohost_syscall.events.event.SyscallEvent`)."""

    __slots__ = ()

    described = described_pod = cpu_shares = None

    @property
    def container(self) -> Container:
        """The container of the thread, or the host."""
        return self.ctx.containers.get(self.h[CGROUP])

    @property
    def cgroups(self) -> tuple[str, ...]:
        """The cgroups of the thread, as ``subsystem=path``."""
        return self.ctx.containers.cgroups(self.h[CGROUP])

    @property
    def subject(self) -> ProcessSubject:
        """The process as the subject of an alert."""
        return live_subject(self.pid, self.start, self.h[CGROUP], self.cgroups)

    @property
    def cwd(self) -> str | None:
        """The working directory; None if it is not known."""
        if (told := self.text_of(SEC_CWD)) is not None:
            return told
        process = self.proc
        if process.cwd is None:
            process.cwd = procfs.link_if_same(process.pid, process.start, "cwd")
        return process.cwd

    value = values.value

    # The event's file descriptor.

    @property
    def fd_type(self) -> str | None:
        """The type of the event's descriptor; None if there is none, or the call failed to create one."""
        try:
            return self._fd_type
        except AttributeError:  # not read before
            self._fd_type = fd_types.fd_type(self)
            return self._fd_type

    def stream(self, number: int) -> tuple[str, str] | None:
        """Return type and path of the process's descriptor *number*, from the record or else from ``/proc``."""
        if told := present.open_descriptors(self):
            of = told.get(number)
            return None if of is None else (of.type, of.name)
        process = self.proc
        found = procfs.READING.reader.descriptor(process.pid, ticks(process.start), number)
        return None if found is None else (found[0], text(found[1]))

    @property
    def open_types(self) -> tuple[str, ...]:
        """The types of the process's descriptors, each once, from the record or else from ``/proc``."""
        if (told := present.fd_types(self)) is not None:
            return told
        return tuple(procfs.READING.reader.descriptors(self.proc.pid))

    @property
    def usage(self) -> Resources | None:
        """What the event's process uses."""
        return present.resources(self)

    @property
    def polled(self) -> Sequence[tuple[int, OpenDescriptor | None]]:
        """The descriptors that a poll waited for, by number, each with what is known of it."""
        told = present.open_descriptors(self)
        return [(one.number, told.get(one.number)) for one in polled(self)] if POLLS in self.row.param_index else ()

    @property
    def buffer(self) -> bytes | None:
        """The first bytes of the data that was read or written."""
        return self.section(SEC_DATA)

    @property
    def fd_number(self) -> int | None:
        """The descriptor that the call returned (-1: none), used, or took as a directory; None if there is none."""
        row = self.row
        if row.creates_fd:
            pair = self.section(SEC_PAIR)
            return int.from_bytes(pair[:4], byteorder, signed=True) if pair else max(self.ret, -1)
        index = row.used_fd if row.used_fd is not None else row.dir_fd
        return None if index is None else self.signed_arg(index)

    @property
    def dirfd_path(self) -> str | None:
        """The path of the directory descriptor that was passed with the first path."""
        row = self.row
        return None if row.dir_arg >= NO_ARG or self.signed_arg(row.dir_arg) == AT_FDCWD else self.text_of(SEC_DIR)

    @property
    def dirfd2_path(self) -> str | None:
        """The path of the directory descriptor that was passed with the second path."""
        row = self.row
        return None if row.dir2_arg >= NO_ARG or self.signed_arg(row.dir2_arg) == AT_FDCWD else self.text_of(SEC_DIR2)

    @property
    def fdinfo(self) -> FdInfo | None:
        """The kernel's facts of the descriptor's file; None if there is none, as after a failed open."""
        try:
            return self._fdinfo
        except AttributeError:
            data = self.section(SEC_FD)
            self._fdinfo = FdInfo._make(FDINFO.unpack_from(data)) if data else None
            return self._fdinfo

    @property
    def fdpath(self) -> str | None:
        """The path of the descriptor's file, as the kernel resolved it."""
        return self.text_of(SEC_FDPATH)

    @property
    def file_name(self) -> str | None:
        """The path of the descriptor's file: of its names the one under which the event is matched."""
        return self.fdpath

    @property
    def socket(self) -> Socket | None:
        """The socket of the descriptor, with the roles of its ends."""
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
        """Whether connect(2) connected the socket, which then knows its other end; the caller's memory may differ."""
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
        """The address that the caller passed (connect, bind, sendto) or received (recvfrom, recvmsg)."""
        data = self.section(SEC_SOCKADDR)
        parsed = sockets.parse_sockaddr(data) if data else None
        return parsed[1] if parsed else None

    def note_socket(self) -> None:
        """Remember for later events which end connected and which accepted."""
        if self.type in _CONNECTS | _ACCEPTS and (socket := self.socket) is not None and socket.is_ip:
            self.ctx.sockets.note(socket.ino, sockets.CLIENT if self.type in _CONNECTS else sockets.SERVER)

    def note_destination(self) -> None:
        """Find out whether the socket sends to another end than before."""
        end, socket = self.passed_address, self.socket
        moved = end is not None and socket is not None and self.ret >= 0
        self._moved = moved and end is not None and socket is not None and self.ctx.sockets.moved(socket.ino, end)

    @property
    def moved(self) -> bool:
        """Whether the event changed the socket's destination."""
        if self.type in _CONNECTS or self.type in _ACCEPTS:
            return self._connected or self.type in _ACCEPTS
        try:
            return self._moved
        except AttributeError:
            return False

    # Paths that the caller passed.

    @property
    def path(self) -> str | None:
        """The first path argument as passed."""
        return self.text_of(SEC_PATH)

    @property
    def path2(self) -> str | None:
        """The second path argument as passed."""
        return self.text_of(SEC_PATH2)

    @property
    def abspath(self) -> str | None:
        """The first path argument, made absolute without following links."""
        path = self.path
        return None if path is None else absolute(self.text_of(SEC_DIR), path)

    @property
    def abspath2(self) -> str | None:
        """The second path argument, made absolute without following links."""
        path = self.path2
        return None if path is None else absolute(self.text_of(SEC_DIR2), path)

    @property
    def reached(self) -> bool:
        """Whether the record says which files the two paths led to."""
        return self.row.leads and SEC_REALPATH in self.sections

    @property
    def string(self) -> str | None:
        """The additional text argument."""
        return self.text_of(SEC_STR)

    @property
    def access(self) -> int | None:
        """The access mode of an open."""
        place = OPENS_WITH_FLAGS.get(self.type)
        return None if place is None else self.h[ARG0 + place] & 3

    @property
    def opened_as(self) -> str | None:
        """The path that was passed to this call: that of a former one is not known."""
        return self.path

    @property
    def requested(self) -> str | None:
        """The path that was passed to open the event's file, made absolute without following links."""
        return self.abspath if self.row.opens else None

    @property
    def host_path(self) -> str | None:
        """The path by which the machine's init reaches the file, if it differs from the process's."""
        return self.text_of(SEC_HOSTPATH)

    @property
    def watched_path(self) -> str | None:
        """The first of the paths by which the file is watched."""
        names = self.watched_names
        return names[0] if names else None

    @property
    def watched_names(self) -> list[str]:
        """The paths by which the file is watched."""
        told = self.section(SEC_WATCHED)
        return [] if told is None else [text(name) for name in told.split(b"\0")[:-1]]
