"""Makes an event of a capture readable for fields (:class:`~falcohost_syscall.events.event.SyscallEvent`)."""

from __future__ import annotations

import os
from functools import cache
from struct import Struct
from typing import Any, Final

from falcohost_syscall.calls.rows import Call, Param
from falcohost_syscall.events.event import POLL_BITS, Context, OpenDescriptor, Polled, Resources
from falcohost_syscall.events.sockets import Socket
from falcohost_syscall.events.tabled import TabledEvent
from falcohost_syscall.parameters.paths import OPENS_WITH_FLAGS
from falcohost_syscall.processes.cgroup_names import Container
from falcohost_syscall.processes.described import Described
from falcohost_syscall.records.text import text
from falcohost_syscall.scap.addresses import as_sockaddr, read_tuple
from falcohost_syscall.scap.captured_rows import NO_CALLS
from falcohost_syscall.scap.descriptors import Descriptor
from falcohost_syscall.scap.events import SIGNED, CapturedCall
from falcohost_syscall.scap.paths import directory_of, path_of
from falcohost_syscall.scap.tables import Tables, Thread

#: Falco's numbers of access modes.
_ACCESS: Final = {1: os.O_RDONLY, 2: os.O_WRONLY, 3: os.O_RDWR}
_TEXTS: Final = ("path", "str")
#: The parameter with the second of two descriptors that a call made, which Falco shows.
_PAIR: Final = "fd2"
#: Falco's numbers of F_DUPFD and F_DUPFD_CLOEXEC.
_DUPLICATES: Final = (1, 0x1A)
#: Calls that duplicate a descriptor, as some fcntl do.
_COPIES: Final = ("dup", "dup2", "dup3")
#: Calls whose parameter ``val`` begins with the number of its form, and that of a negative error.
_OPTIONS: Final = frozenset({"getsockopt", "setsockopt"})
_ERROR: Final = b"\1"
_POLLED: Final = Struct("<qh")
#: Events of plugins, and those that tell of a container.
_ASYNC: Final = "asyncevent"
_DESCRIBES: Final = (_ASYNC, "container")
_MOVES: Final = ("connect", "accept", "accept4")


@cache
def _names(row_name: str, row: tuple[Param, ...]) -> dict[str, str]:
    """Return the names of parameters by the source that their rows give; the first one if several have the same."""
    return {param.source: param.name for param in reversed(row)}


class CapturedEvent(TabledEvent):
    """One event of a capture."""

    __slots__ = ("_socket", "_tables", "call", "ctx", "fdinfo", "num", "proc", "ret", "row", "thread", "ts", "type")
    _socket: Socket | None
    #: The process is of another time or machine, so no action could find it here.
    subject = None
    by_uring = is_cut = is_rewritten = is_uncompared = False
    reached = False
    host_path = None
    watched_path = None

    def __init__(self, row: Call, call: CapturedCall, thread: Thread, num: int, tables: Tables) -> None:
        self.type = row.name
        self.row = row
        self.call = call
        self.thread = thread
        self.ts = call.ts
        self.ret = call.result
        self.num = num
        self.proc = thread.process
        self.ctx: Context = tables.context
        self._tables = tables
        is_made = row.creates_fd and _PAIR not in row.param_index and row.name not in _COPIES
        number = self.ret if is_made else self.fd_number
        self.fdinfo: Descriptor | None = None if number is None else thread.descriptors.get(number)

    def __repr__(self) -> str:
        return f"<{self.type} of {self.tid} ({self.proc.comm}), returned {self.ret}>"

    @property
    def key(self) -> str:
        """Identifies the event: a thread does one thing at a time."""
        return f"{self.ts:x}.{self.tid:x}.{self.call.type.code:x}"

    @property
    def pid(self) -> int:
        """The process id."""
        return self.proc.pid

    @property
    def tid(self) -> int:
        """The thread id."""
        return self.thread.tid

    @property
    def vpid(self) -> int:
        """The process id in the process's own pid namespace."""
        return self.thread.vpid

    @property
    def vtid(self) -> int:
        """The thread id in that namespace."""
        return self.thread.vtid

    @property
    def start(self) -> int:
        """The time at which the process was created; 0 if it existed when the capture began."""
        return self.thread.start

    @property
    def uid(self) -> int:
        """The effective user."""
        return self.thread.uid

    @property
    def gid(self) -> int:
        """The effective group."""
        return self.thread.gid

    @property
    def loginuid(self) -> int:
        """The user that logged in."""
        return self.thread.loginuid

    @property
    def caps(self) -> int:
        """The effective capabilities."""
        return self.thread.caps

    @property
    def cpu(self) -> int:
        """The number of the processor."""
        return self.call.cpu

    @property
    def container(self) -> Container:
        """The container of the thread, or the one that the event tells of."""
        told = self.described
        return self.ctx.containers.get(self.thread.cgroup) if told is None else told.identity

    @property
    def described(self) -> Described | None:
        """What the capture has told of the container."""
        told = self._tables.described
        if not told.has_any:
            return None
        if self.type in _DESCRIBES:
            return told.last
        own = self.ctx.containers.get(self.thread.cgroup)
        return None if own.is_host else told.get(own.id)

    @property
    def described_pod(self) -> Described | None:
        """What it has told of the container's pod."""
        own = self.described
        return None if own is None else self._tables.described.pod(own)

    @property
    def async_name(self) -> str | None:
        """What kind of asynchronous event it is, which no call is the cause of; None: it is none."""
        if self.type == _ASYNC:
            return self._text("name")
        return self.type if self.type in NO_CALLS else None

    @property
    def hostname(self) -> str | None:
        """The name of the captured machine; None: this one."""
        return self._tables.hostname

    @property
    def cgroups(self) -> tuple[str, ...]:
        """The cgroups of the thread."""
        return self.ctx.containers.cgroups(self.thread.cgroup)

    @property
    def cwd(self) -> str | None:
        """The working directory."""
        return self.thread.leader.cwd

    @property
    def usage(self) -> Resources:
        """What its process uses."""
        thread, tables = self.thread, self._tables
        size, resident, swapped, major, minor = thread.memory
        if thread.is_unknown:
            return Resources(size, resident, swapped, major, minor, 0, 0, 0)
        main = tables.threads.get(thread.process.pid, thread)
        threads = len(tables.groups.get(thread.process.pid, ()))
        return Resources(size, resident, swapped, major, minor, main.fd_limit, len(thread.descriptors), threads)

    @property
    def cpu_shares(self) -> tuple[float, float, float] | None:
        """What the thread used of a processor since the last procinfo, for procinfo."""
        return self.thread.cpu_shares if self.type == "procinfo" else None

    def value(self, param: Param) -> Any:
        """Return the value of one of Falco's parameters."""
        call = self.call
        data = call.raw(param.name)
        if data is None:
            return None
        kind = call.type.params[call.type.places[param.name]][1]
        if kind in SIGNED:
            return call.number(param.name)
        if kind in _TEXTS:
            return self._text(param.name)
        if kind == "sockaddr":
            return as_sockaddr(data)
        if kind == "socktuple":
            found = read_tuple(data)
            return None if found is None else str(found)
        if kind == "fdlist":
            return _polled(data)
        if kind == "dyn":
            return int.from_bytes(data[1:9], "little", signed=self.row.name in _OPTIONS and data[:1] == _ERROR)
        return data if kind == "buf" else None

    def _text(self, name: str | None) -> str | None:
        found = None if name is None else self.call.text(name)
        return None if found is None else text(found)

    def _name(self, source: str) -> str | None:
        """Return the name of the parameter whose row gives this *source*."""
        return _names(self.row.name, self.row.params).get(source)

    # The event's file descriptor.

    @property
    def fd_number(self) -> int | None:
        """The descriptor that the call returned (-1: none), used, or took as a directory; None if there is none."""
        row = self.row
        if row.name in _COPIES:
            return self._copy("oldfd")
        if row.creates_fd:
            pair = self.call.number(_PAIR) if self.ret >= 0 else None
            return max(self.ret, -1) if pair is None else pair
        if self.type == "fcntl" and self.ret >= 0 and self.call.number("cmd") in _DUPLICATES:
            return self._copy("fd")
        used = row.used_fd if row.used_fd is not None else row.dir_fd
        name = None if used is None else self._name(str(used))
        return None if name is None else self.call.number(name)

    def _copy(self, name: str) -> int | None:
        """Return the descriptor that the call has made of the one in parameter *name*: that one if it is not known."""
        passed = self.call.number(name)
        return max(self.ret, -1) if passed is None or (self.ret >= 0 and passed in self.thread.descriptors) else passed

    @property
    def fd_type(self) -> str | None:
        """Falco's ``fd.type``."""
        return None if self.fdinfo is None else self.fdinfo.kind

    @property
    def fdpath(self) -> str | None:
        """The path of the descriptor's file."""
        return None if self.fdinfo is None or self.fdinfo.ends is not None else self.fdinfo.name

    @property
    def file_name(self) -> str | None:
        """The path of the descriptor's file."""
        return self.fdpath

    @property
    def socket(self) -> Socket | None:
        """The socket of the descriptor, with the roles of its ends."""
        try:
            return self._socket
        except AttributeError:
            descriptor = self.fdinfo
            self._socket = None if descriptor is None else descriptor.socket(self._tables.interfaces)
            return self._socket

    @property
    def moved(self) -> bool:
        """Whether the event changed the socket's destination."""
        return self.type in _MOVES and self.ret >= 0

    @property
    def buffer(self) -> bytes | None:
        """The first bytes of the data that was read or written."""
        return self.call.raw("data")

    def stream(self, number: int) -> tuple[str, str] | None:
        """Return type and name of a descriptor of the process."""
        found = self.thread.descriptors.get(number)
        return None if found is None else (found.kind, found.name)

    @property
    def polled(self) -> tuple[tuple[int, OpenDescriptor | None], ...]:
        """The descriptors that a poll waited for, by number, each with what is known of it."""
        found = _polled(self.call.raw("fds") or b"")
        return tuple((number, self._open(number)) for number, _ in found)

    def _open(self, number: int) -> OpenDescriptor | None:
        known = self.thread.descriptors.get(number)
        return None if known is None else OpenDescriptor(known.kind, known.name, known.socket(self._tables.interfaces))

    @property
    def open_types(self) -> tuple[str, ...]:
        """The types of all descriptors of the process, each once."""
        return tuple(sorted({descriptor.kind for descriptor in self.thread.descriptors.values()}))

    # Paths that the caller passed.

    @property
    def path(self) -> str | None:
        """The first path argument as passed."""
        return self._text(self._name("path"))

    @property
    def path2(self) -> str | None:
        """The second path argument as passed."""
        return self._text(self._name("path2"))

    @property
    def abspath(self) -> str | None:
        """The first path argument, made absolute."""
        return self._absolute("path", self.row.dir_arg)

    @property
    def abspath2(self) -> str | None:
        """The second path argument, made absolute."""
        return self._absolute("path2", self.row.dir2_arg)

    def _absolute(self, source: str, directory: int) -> str | None:
        name = self._name(source)
        passed = None if name is None else self.call.text(name)
        return path_of(self.thread, self.call, passed, self._name(str(directory)) or "")

    @property
    def dirfd_path(self) -> str | None:
        """The path of the directory descriptor that was passed with the first path."""
        return directory_of(self.thread, self.call, self._name(str(self.row.dir_arg)) or "")

    @property
    def dirfd2_path(self) -> str | None:
        """The path of the directory descriptor that was passed with the second path."""
        return directory_of(self.thread, self.call, self._name(str(self.row.dir2_arg)) or "")

    @property
    def string(self) -> str | None:
        """The additional text argument."""
        return self._text(self._name("str"))

    @property
    def access(self) -> int | None:
        """The access mode of an open."""
        if self.type not in OPENS_WITH_FLAGS:
            return None
        known = self.fdinfo
        bits = known.flags if known is not None and self.ret >= 0 else self.call.number("flags") or 0
        return _ACCESS.get(bits & 3)

    @property
    def opened_as(self) -> str | None:
        """The path that was passed to open the event's file, as it was passed; empty if there was none."""
        return self.path if self.fdinfo is None else self.fdinfo.passed

    @property
    def requested(self) -> str | None:
        """The path that was passed to open the event's file, made absolute without following links."""
        return self.abspath if self.row.opens else None


def _polled(data: bytes) -> tuple[Polled, ...]:
    """Return the descriptors in a ``fdlist``, with what was found in the kernel's numbers."""
    entries = _POLLED.iter_unpack(data[2 : 2 + (len(data) - 2) // _POLLED.size * _POLLED.size])
    return tuple(Polled(number, sum(own for own, falco in POLL_BITS if bits & falco)) for number, bits in entries)
