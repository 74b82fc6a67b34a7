"""Reads parameters that a call was passed by their addresses (``SEC_VALUE`` and the sections behind it)."""

from __future__ import annotations

from collections.abc import Callable
from sys import byteorder
from typing import TYPE_CHECKING, Any, Final

from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import FLAGS
from falcohost_syscall.events.event import Polled
from falcohost_syscall.records.record import FLAG_COMPAT, SEC_VALUE
from falcohost_syscall.records.text import text

if TYPE_CHECKING:
    from falcohost_syscall.drivers.modern_ebpf.decoding.event import RecordEvent

#: Returns the value of a parameter.
Read = Callable[["RecordEvent"], Any]
_SIZES: Final = {"u16": 2, "i16": 2, "u32": 4, "i64": 8, "u64": 8}
_NS: Final = 1_000_000_000
_UNLIMITED: Final = -1
#: Options of sockets at their level SOL_SOCKET whose value is a time, and the one that is an error.
_SOL_SOCKET: Final = 1
SO_TIMES: Final = frozenset({20, 21, 66, 67})
SO_ERROR: Final = 4
#: keyctl(2): how many arguments its operations take where that are not four, and which of those are texts.
_KEY_ARGUMENTS: Final = (
    dict.fromkeys((0x12,), 0)
    | dict.fromkeys((1, 3, 7, 0xE, 0x10, 0x15), 1)
    | dict.fromkeys((0, 5, 8, 9, 0xF, 0x16, 0x1F), 2)
    | dict.fromkeys((2, 4, 6, 0xB, 0xD, 0x11, 0x1D, 0x20), 3)
)
_KEY_TEXTS: Final = {1: (1,), 0xA: (2, 3), 0x1D: (2, 3)}
_SETVAL: Final = 16


def _bytes(event: RecordEvent, which: int) -> bytes:
    return event.section(SEC_VALUE + which) or b""


def _number(event: RecordEvent, which: int, offset: int, size: int, signed: bool = False) -> int:
    """Return a number in a value; 0 if that could not be read."""
    return int.from_bytes(_bytes(event, which)[offset : offset + size], byteorder, signed=signed)


def _word(event: RecordEvent, which: int, index: int) -> int:
    """Return a number of the size of the caller's registers."""
    size = 4 if event.h[FLAGS] & FLAG_COMPAT else 8
    found = _number(event, which, index * size, size)
    return _UNLIMITED if found == (1 << 8 * size) - 1 else found


def _time(event: RecordEvent, which: int) -> int:
    return _word(event, which, 0) * _NS + _word(event, which, 1)


def _of_value(source: str) -> Read:
    """Return what reads ``v0.u32.4`` and the like."""
    which, kind, *rest = source[1:].split(".")
    place, at = int(which), int(rest[0]) if rest else 0
    if kind == "text":
        return lambda event: None if (data := event.section(SEC_VALUE + place)) is None else text(data)
    if kind == "time":
        return lambda event: _time(event, place)
    if kind == "word":
        return lambda event: _word(event, place, at)
    return lambda event: _number(event, place, at, _SIZES[kind], kind.startswith("i"))


def _limit(which: int, index: int, *, got: bool) -> Read:
    """Return what reads a limit; -1 if there is none, or if the call that was to return it failed."""

    def read(event: RecordEvent) -> int:
        known = event.section(SEC_VALUE + which) is not None and not (got and event.ret < 0)
        return _word(event, which, index) if known else _UNLIMITED

    return read


def _option(event: RecordEvent) -> int | bytes | None:
    """Return the value of a socket's option: a number, nanoseconds, or bytes."""
    data = event.section(SEC_VALUE)
    if data is None or event.signed_arg(1) != _SOL_SOCKET:
        return data
    if event.arg(2) in SO_TIMES:
        return _word(event, 0, 0) * _NS + _word(event, 0, 1) * 1000
    if event.arg(2) == SO_ERROR:
        return -int.from_bytes(data[:4], byteorder)
    return int.from_bytes(data, byteorder) if len(data) in (4, 8) and event.arg(2) != 13 else data


def _key(place: int) -> Read:
    def read(event: RecordEvent) -> int | str:
        operation = event.arg(0) & 0xFFFFFFFF
        if place > _KEY_ARGUMENTS.get(operation, 4):
            return 0
        if place in _KEY_TEXTS.get(operation, ()):
            return text(_bytes(event, place - 1))
        value = event.arg(place)
        return value - (1 << 64) if value >> 63 else value

    return read


# quotactl(2): its first argument has the command and whose quota it is; struct if_dqblk says which members count.
_Q_GETINFO, _Q_SETINFO, _Q_GETQUOTA, _Q_SETQUOTA = 0x800005, 0x800006, 0x800007, 0x800008
_Q_QUOTAON, _Q_GETFMT, _Q_QUOTAOFF, _Q_SYNC = 0x800002, 0x800004, 0x800003, 0x800001
_VALID: Final = (1, 1, 2, 4, 4, 0, 16, 32)
_USES_ID: Final = frozenset({_Q_GETQUOTA, _Q_SETQUOTA, 0x5803, 0x5804})


def _quota_command(event: RecordEvent) -> int:
    return (event.arg(0) & 0xFFFFFFFF) >> 8


def _quota(index: int) -> Read:
    def read(event: RecordEvent) -> int:
        known = _quota_command(event) in (_Q_GETQUOTA, _Q_SETQUOTA) and _number(event, 0, 64, 4) & _VALID[index]
        return _number(event, 0, 8 * index, 8) if known else 0

    return read


def _quota_info(offset: int, size: int, valid: int) -> Read:
    def read(event: RecordEvent) -> int:
        known = _quota_command(event) in (_Q_GETINFO, _Q_SETINFO) and _number(event, 0, 20, 4) & valid
        return _number(event, 0, offset, size) if known else 0

    return read


def polled(event: RecordEvent) -> list[Polled]:
    """Return the descriptors that a poll waited for, each with what it found."""
    data = _bytes(event, 0)
    return [
        Polled(
            int.from_bytes(data[at : at + 4], byteorder, signed=True), int.from_bytes(data[at + 6 : at + 8], byteorder)
        )
        for at in range(0, len(data) - 7, 8)
    ]


_NAMED: dict[str, Read] = {
    "zero": lambda _: 0,
    "option": _option,
    "fds": polled,
    "semval": lambda e: e.signed_arg(3) if e.arg(2) & 0xFF == _SETVAL else 0,
    "lloffset": lambda e: e.arg(1) << 32 | e.arg(2) & 0xFFFFFFFF,
    **{f"limit{index}": _limit(0, index, got=True) for index in (0, 1)},
    **{f"newlimit{index}": _limit(0, index, got=False) for index in (0, 1)},
    **{f"oldlimit{index}": _limit(1, index, got=True) for index in (0, 1)},
    **{f"key{index}": _key(index) for index in range(1, 5)},
    **{f"quota{index}": _quota(index) for index in range(8)},
    "quotagrace0": _quota_info(0, 8, 1),
    "quotagrace1": _quota_info(8, 8, 2),
    "quotaflags": _quota_info(16, 4, 4),
    "quotafile": lambda e: text(_bytes(e, 1)) if _quota_command(e) == _Q_QUOTAON else None,
    "quotaformat": lambda e: _number(e, 0, 0, 4) if _quota_command(e) == _Q_GETFMT else 0,
    "quotacmd": _quota_command,
    "quotatype": lambda e: e.arg(0) & 0xFF,
    "quotaid": lambda e: e.arg(2) if _quota_command(e) in _USES_ID else 0,
    "quotaon": lambda e: e.arg(2) if _quota_command(e) == _Q_QUOTAON else 0,
}
#: What reads a parameter, by the source that its row gives.
READ: Final[dict[str, Read]] = _NAMED | {
    param.source: _of_value(param.source)
    for row in CALLS
    for param in row.params
    if param.source.startswith("v") and "." in param.source
}
