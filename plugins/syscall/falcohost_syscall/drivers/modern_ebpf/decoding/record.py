"""The bytes of a record of the probe, as the base of an event: numbers of its header, and its sections.

Made once for each record that passes the probe, so making one costs next to nothing: the header is unpacked, all else
waits in the bytes, and is decoded no further than asked.
"""

from __future__ import annotations

from falcohost_syscall.calls.rows import Call
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import (
    ARG0,
    CALL,
    CAPS,
    CPU,
    FLAGS,
    GID,
    LOGINUID,
    PID,
    START,
    TID,
    TS,
    UID,
    VPID,
    VTID,
    Header,
    sections,
)
from falcohost_syscall.events.event import Context
from falcohost_syscall.events.sockets import Socket
from falcohost_syscall.processes.table import Process
from falcohost_syscall.records.record import FLAG_URING, FdInfo
from falcohost_syscall.records.text import text


class Record:
    """One record; what is here serves :class:`~falcohost_syscall.events.event.EventFacts`."""

    __slots__ = (
        *("_fd_type", "_fdinfo", "_moved", "_sections", "_socket"),
        *("ctx", "data", "h", "num", "proc", "ret", "row", "ts", "type"),
    )
    _fd_type: str | None
    _fdinfo: FdInfo | None
    _socket: Socket | None
    _moved: bool
    source = "syscall"

    def __init__(self, row: Call, h: Header, data: bytes, num: int, proc: Process, ctx: Context) -> None:
        self.type = row.name
        self.row = row
        self.h = h
        self.data = data
        self.ts: int = h[0] + ctx.boot
        self.ret: int = h[4]
        self.num = num
        self.proc = proc
        self.ctx = ctx
        self._sections: dict[int, bytes] | None = None

    def __repr__(self) -> str:
        return f"<{self.type} of {self.h[PID]} ({self.proc.comm}), returned {self.ret}>"

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

    # The thread and its process.

    @property
    def pid(self) -> int:
        """Return the process id."""
        number: int = self.h[PID]
        return number

    @property
    def tid(self) -> int:
        """Return the thread id."""
        number: int = self.h[TID]
        return number

    @property
    def vpid(self) -> int:
        """Return the process id in the process's own pid namespace."""
        number: int = self.h[VPID]
        return number

    @property
    def vtid(self) -> int:
        """Return the thread id in that namespace."""
        number: int = self.h[VTID]
        return number

    @property
    def start(self) -> int:
        """Return when the process was made, in nanoseconds since boot."""
        ns: int = self.h[START]
        return ns

    @property
    def uid(self) -> int:
        """Return the effective user."""
        number: int = self.h[UID]
        return number

    @property
    def gid(self) -> int:
        """Return the effective group."""
        number: int = self.h[GID]
        return number

    @property
    def loginuid(self) -> int:
        """Return the user that logged in, or ``UNSET``."""
        number: int = self.h[LOGINUID]
        return number

    @property
    def caps(self) -> int:
        """Return the effective capabilities."""
        bits: int = self.h[CAPS]
        return bits

    @property
    def cpu(self) -> int:
        """Return the number of the processor."""
        number: int = self.h[CPU]
        return number

    @property
    def by_uring(self) -> bool:
        """Return whether it was asked for through io_uring."""
        return bool(self.h[FLAGS] & FLAG_URING)

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
