"""The base of an event that is made from a record: numbers of the header, and sections.

One is made for each record, so this has to be cheap: only the header is unpacked, and everything else is decoded when
it is read.
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
from falcohost_syscall.records.record import (
    FLAG_CUT,
    FLAG_REPLACED,
    FLAG_REWRITTEN,
    FLAG_UNCOMPARED,
    FLAG_URING,
    TAKEN_AT,
    WANT_TAKEN,
    FdInfo,
)
from falcohost_syscall.records.text import text


class RecordFacts:
    """One record; provides :class:`~falcohost_syscall.events.event.EventFacts`."""

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
        """Identifies the event: a thread does one thing at a time."""
        return f"{self.h[TS]:x}.{self.h[TID]:x}.{self.h[CALL]:x}"

    @property
    def actor(self) -> tuple[int, int]:
        """Identifies the process."""
        h = self.h
        return h[PID], h[START]

    @property
    def start_ts(self) -> int | None:
        """The time of the source's first event."""
        return self.ctx.first

    # The thread and its process.

    @property
    def pid(self) -> int:
        """The process id."""
        number: int = self.h[PID]
        return number

    @property
    def tid(self) -> int:
        """The thread id."""
        number: int = self.h[TID]
        return number

    @property
    def vpid(self) -> int:
        """The process id in the process's own pid namespace."""
        number: int = self.h[VPID]
        return number

    @property
    def vtid(self) -> int:
        """The thread id in that namespace."""
        number: int = self.h[VTID]
        return number

    @property
    def start(self) -> int:
        """The time at which the process was created, in nanoseconds since boot."""
        ns: int = self.h[START]
        return ns

    @property
    def uid(self) -> int:
        """The effective user."""
        number: int = self.h[UID]
        return number

    @property
    def gid(self) -> int:
        """The effective group."""
        number: int = self.h[GID]
        return number

    @property
    def loginuid(self) -> int:
        """The user that logged in, or ``UNSET``."""
        number: int = self.h[LOGINUID]
        return number

    @property
    def caps(self) -> int:
        """The effective capabilities."""
        bits: int = self.h[CAPS]
        return bits

    @property
    def cpu(self) -> int:
        """The number of the processor."""
        number: int = self.h[CPU]
        return number

    @property
    def by_uring(self) -> bool:
        """Whether it was requested through io_uring."""
        return bool(self.h[FLAGS] & FLAG_URING)

    @property
    def is_cut(self) -> bool:
        """Whether a text of the event or of its process is longer than what is known of it."""
        return bool(self.h[FLAGS] & FLAG_CUT) or self.proc.is_cut()

    @property
    def is_rewritten(self) -> bool:
        """Whether what the caller passed in its memory, or the file behind its descriptor, was changed meanwhile."""
        return bool(self.h[FLAGS] & (FLAG_REWRITTEN | FLAG_REPLACED))

    @property
    def is_uncompared(self) -> bool:
        """Whether that could not be found out."""
        return bool(self.h[FLAGS] & FLAG_UNCOMPARED)

    @property
    def taken_from(self) -> int:
        """The pid of the process out of which the event took a descriptor; 0: of none, or it is not known."""
        value: int = self.h[ARG0 + TAKEN_AT] if self.row.want & WANT_TAKEN else 0
        return value

    @property
    def sections(self) -> dict[int, bytes]:
        """The record's sections by tag."""
        found = self._sections
        if found is None:
            found = self._sections = sections(self.data)
        return found

    def section(self, tag: int) -> bytes | None:
        """Return the data of a section, or None if the record does not have it."""
        return self.sections.get(tag)

    def text_of(self, tag: int) -> str | None:
        """Return the text of a section, or None if the record does not have it."""
        data = self.sections.get(tag)
        return None if data is None else text(data)

    def arg(self, index: int) -> int:
        """Return an argument of the call, unsigned."""
        value: int = self.h[ARG0 + index]
        return value

    def signed_arg(self, index: int) -> int:
        """Return an argument of the call that is a C int."""
        value: int = self.h[ARG0 + index] & 0xFFFFFFFF
        return value - 0x100000000 if value & 0x80000000 else value
