"""Reads the values of Falco's parameters from a record."""

from __future__ import annotations

from collections.abc import Callable
from socket import SOL_SOCKET
from sys import byteorder
from typing import TYPE_CHECKING, Any

from falcohost_syscall.calls import flags as names
from falcohost_syscall.calls.rows import Param
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import (
    CALL,
    CAPS,
    CGROUP,
    GID,
    LOGINUID,
    PID,
    PPID,
    RET,
    TID,
    UID,
    VPID,
    VTID,
    command,
)
from falcohost_syscall.drivers.modern_ebpf.decoding.passed import READ
from falcohost_syscall.parameters.values import FMODE_CREATED, FMODE_PATH, MODE_ARG, NAMES_A_THREAD, number
from falcohost_syscall.processes.longer import LONGER
from falcohost_syscall.records.record import CAPS as CAPS_SET
from falcohost_syscall.records.record import (
    QUEUE,
    SEC_ARGS,
    SEC_CAPS,
    SEC_CONTROL,
    SEC_DATA,
    SEC_FILENAME,
    SEC_PAIR,
    SEC_PATH,
    SEC_QUEUE,
    SEC_SOCKADDR,
    SEC_STR,
    SEC_STRUCT,
    STRUCT_SIZE,
    Queue,
)
from falcohost_syscall.records.text import text

if TYPE_CHECKING:
    from falcohost_syscall.drivers.modern_ebpf.decoding.event import RecordEvent

_IORING_ENTER_EXT_ARG = 8

Value = Any
Read = Callable[["RecordEvent"], Value]


def _fd_fact(name: str) -> Read:
    def read(event: RecordEvent) -> Value:
        info = event.fdinfo
        return 0 if info is None else getattr(info, name)

    return read


def _open_mode(event: RecordEvent) -> int:
    index = MODE_ARG[event.type]
    return event.arg(index) & 0xFFFFFFFF if names.wants_mode(event.arg(index - 1)) else 0


def _layer(event: RecordEvent) -> int:
    info = event.fdinfo
    return 0 if info is None else {1: 1, 2: 2}.get(info.layer, 0)


def _pair(index: int) -> Read:
    def read(event: RecordEvent) -> Value:
        data = event.section(SEC_PAIR)
        return int.from_bytes(data[4 * index : 4 * index + 4], byteorder, signed=True) if data else -1

    return read


def _queue(event: RecordEvent) -> Queue:
    data = event.section(SEC_QUEUE)
    return Queue._make(QUEUE.unpack(data)) if data else Queue(0, 0)


def _queue_percent(event: RecordEvent) -> int:
    queue = _queue(event)
    return 100 * queue.length // queue.most if queue.most else 0


def _unix_end(index: int) -> Read:
    def read(event: RecordEvent) -> Value:
        return 0 if event.socket is None else int(event.socket.ends[index], 16)

    return read


def _arguments(event: RecordEvent) -> bytes:
    """Return argv: that of the failed call, or that of the program that runs now."""
    passed = event.section(SEC_ARGS)
    return event.proc.image.args_raw if passed is None else passed


def _environment(event: RecordEvent) -> bytes:
    with LONGER.beginnings():  # the beginning will do: as a parameter it is shown cut anyway
        event.proc.environment()
    return event.proc.image.env_raw or b""


def _tuple(event: RecordEvent) -> str | None:
    socket = event.socket
    return None if socket is None else socket.tuple


def _prctl_name(event: RecordEvent) -> str | None:
    return command(event.h[-1]) if event.arg(0) in NAMES_A_THREAD else None


def _filename(event: RecordEvent) -> str | None:
    return event.text_of(SEC_FILENAME) or event.text_of(SEC_PATH) or text(event.proc.image.filename)


def _caps(index: int) -> Read:
    def read(event: RecordEvent) -> Value:
        caps = event.proc.image.caps
        return caps[index] if caps else None

    return read


def _member(index: int) -> Read:
    """Read a 32-bit member of the structure that was passed."""

    def read(event: RecordEvent) -> Value:
        data = event.section(SEC_STRUCT)
        return None if data is None else int.from_bytes(data[4 * index : 4 * index + 4], byteorder)

    return read


def _clone_flags(event: RecordEvent) -> int | None:
    if event.type == "clone3":
        data = event.section(SEC_STRUCT)
        return None if data is None else int.from_bytes(data[:8], byteorder)
    return event.arg(0) if event.type == "clone" else 0


def _signal_mask(event: RecordEvent) -> int:
    """Return the first 32 signals that io_uring_enter(2) lets through; 0 if the mask is not passed directly."""
    data = event.section(SEC_STRUCT)
    return 0 if data is None or event.arg(3) & _IORING_ENTER_EXT_ARG else int.from_bytes(data[:4], byteorder)


def _caps_now(index: int) -> Read:
    def read(event: RecordEvent) -> Value:
        data = event.section(SEC_CAPS)
        return None if data is None else CAPS_SET.unpack(data)[index]

    return read


def _resource(name: str) -> Read:
    def read(event: RecordEvent) -> Value:
        found = event.usage
        return None if found is None else getattr(found, name)

    return read


def _fault(event: RecordEvent) -> int:
    """Return Falco's bits for the processor's error code of a page fault."""
    code = event.arg(2)
    bits = 0x1 if code & 1 else 0x2
    bits |= 0x4 if code & 2 else 0x8
    bits |= 0x10 if code & 4 else 0x20
    return bits | (0x40 if code & 8 else 0) | (0x80 if code & 16 else 0)


_READ: dict[str, Read] = {
    "ret": lambda e: e.h[RET],
    "child": lambda e: e.h[RET],
    "path": lambda e: e.path,
    "path2": lambda e: e.path2,
    "str": lambda e: e.text_of(SEC_STR),
    "data": lambda e: e.section(SEC_DATA),
    "sockaddr": lambda e: e.section(SEC_SOCKADDR),
    "tuple": _tuple,
    "fdpath": lambda e: e.fdpath,
    "dev": _fd_fact("dev"),
    "ino": _fd_fact("ino"),
    "layer": _layer,
    "openmode": _open_mode,
    "pair0": _pair(0),
    "pair1": _pair(1),
    "ownend": _unix_end(0),
    "otherend": _unix_end(1),
    "queuelen": lambda e: _queue(e).length,
    "queuemax": lambda e: _queue(e).most,
    "queuepct": _queue_percent,
    "exe": lambda e: text(_arguments(e).split(b"\0", 1)[0]),
    "args": lambda e: _arguments(e).partition(b"\0")[2],
    "env": _environment,
    "comm": lambda e: e.proc.comm,
    "cwd": lambda e: e.cwd,
    "tid": lambda e: e.h[TID],
    "pid": lambda e: e.h[PID],
    "ppid": lambda e: e.h[PPID],
    "vtid": lambda e: e.h[VTID],
    "vpid": lambda e: e.h[VPID],
    "uid": lambda e: e.h[UID],
    "gid": lambda e: e.h[GID],
    "loginuid": lambda e: e.h[LOGINUID],
    "tty": lambda e: e.proc.session[4],
    "pgid": lambda e: e.proc.session[1],
    "vpgid": lambda e: e.proc.session[3],
    "cgroups": lambda e: "\0".join(e.ctx.containers.cgroups(e.h[CGROUP])).encode(),
    "exeflags": lambda e: e.proc.image.exe_flags,
    "cap_permitted": _caps(0),
    "cap_inheritable": _caps(1),
    "cap_effective": lambda e: e.h[CAPS],
    "exe_ino": lambda e: e.proc.image.ino,
    "exe_ctime": lambda e: e.proc.image.ctime,
    "exe_mtime": lambda e: e.proc.image.mtime,
    "exepath": lambda e: e.proc.image.exepath,
    "filename": _filename,
    "cloneflags": _clone_flags,
    "sigmask": _signal_mask,
    "optname": lambda e: e.arg(2) if e.signed_arg(1) == SOL_SOCKET else -1,
    "got": lambda e: max(e.h[RET], 0),
    "control": lambda e: e.section(SEC_CONTROL),
    **{f"struct{index}": _member(index) for index in range(STRUCT_SIZE // 4)},
    "permitted": _caps_now(0),
    "inheritable": _caps_now(1),
    "prctlname": _prctl_name,
    "prctlint": lambda e: 0 if e.arg(0) in NAMES_A_THREAD else e.arg(1),
    "exitcode": lambda e: e.arg(0) >> 8 & 0xFF,
    "exitsig": lambda e: e.arg(0) & 0x7F,
    "exitcore": lambda e: e.arg(0) >> 7 & 1,
    "call": lambda e: e.h[CALL],
    "native": lambda e: next(iter(next(iter(e.row.numbers.values()))), 0),
    "none": lambda _: None,
    "fdlimit": _resource("fd_limit"),
    "major": _resource("major"),
    "minor": _resource("minor"),
    "pages": _resource("size"),
    "resident": _resource("resident"),
    "swapped": _resource("swapped"),
    "pidnsstart": lambda e: e.proc.image.pidns_start,
    "fault": _fault,
    **READ,
}


def _opened(event: RecordEvent, value: int) -> int:
    result = names.open_flags(value)
    info = event.fdinfo
    if info is not None:
        if info.fmode & FMODE_CREATED:
            result |= names.OPEN_CREATED
        # The flags of openat2 are in memory, where another thread may change them; the file's mode is the kernel's own.
        result = result | names.OPEN_PATH if info.fmode & FMODE_PATH else result & ~names.OPEN_PATH
        result |= {1: names.OPEN_UPPER_LAYER, 2: names.OPEN_LOWER_LAYER}.get(info.layer, 0)
    return result


def value(event: RecordEvent, param: Param) -> Value:
    """Return a parameter's value: int, text or bytes; None if the record has none."""
    source = param.source
    found = event.h[5 + int(source)] if source.isdigit() else _READ[source](event)
    if not isinstance(found, int):
        return found
    return _opened(event, found) if param.kind == "open" else number(param, found)
