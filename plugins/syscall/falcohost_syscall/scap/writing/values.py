"""Writes the parameters of an event as Falco has them in captures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Final

from falcohost_syscall.calls.rows import Param
from falcohost_syscall.events.event import POLL_BITS, Polled, SyscallEvent
from falcohost_syscall.scap.event_types import GENERIC, TYPES, EventType
from falcohost_syscall.scap.generic_calls import NAMES
from falcohost_syscall.scap.writing.addresses import sockaddr, socktuple

#: Today's types by name. Where two have it, the one of a return counts.
BY_NAME: Final = {kind.name: kind for _, kind in sorted(TYPES.items()) if kind.code != GENERIC}
_NUMBERS: Final = {name: number for number, name in enumerate(NAMES)}
_ID: Final = Struct("<H")
_POLLED: Final = Struct("<qh")
#: Parameters with several texts, each of which is terminated.
_LISTS: Final = frozenset({"args", "env", "cgroups"})
_LONGEST_LIST: Final = 4096
_REAPER: Final = "reaper_tid"
_COMES_IN: Final = frozenset({"accept", "accept4"})
#: Options of sockets, as Falco numbers them, whose values are times and 64-bit numbers, and the one that is an error.
_SOCKET_ERROR: Final = 4
_SOCKET_TIMES: Final = frozenset({20, 21})
_SOCKET_64: Final = frozenset({53})
_UNKNOWN, _ERRNO, _U32, _U64, _TIME = range(5)
_SIGNED_64: Final = Struct("<q")

Encode = Callable[[Any, SyscallEvent, Param], bytes]


def of_event(event: SyscallEvent) -> tuple[EventType, list[bytes]]:
    """Return the type of *event* in Falco's table and the bytes of its parameters; what it lacks has none."""
    call = getattr(event, "call", None)
    if call is not None:  # it was read from blocks like those of captures
        return call.type, _with_all_numbers(call.type, call.values)
    kind = BY_NAME.get(event.type)
    row = event.row
    if kind is None:
        return TYPES[GENERIC], _number_of(event)
    values = []
    for name, form in kind.params:
        index = row.param_index.get(name)
        values.append(b"" if index is None else _encoded(event, row.params[index], form))
    return kind, values


def _with_all_numbers(kind: EventType, values: list[bytes]) -> list[bytes]:
    """Return *values* with zeros for numbers that a driver does not tell: Falco reads no further where one is empty."""
    if all(values):
        return values
    return [value or zero for value, zero in zip(values, kind.zeros, strict=False)]


def _number_of(event: SyscallEvent) -> list[bytes]:
    index = event.row.param_index.get("nativeID")
    native = 0 if index is None else int(event.value(event.row.params[index]) or 0)
    if index is None:
        native = next((numbers[0] for numbers in event.row.numbers.values() if numbers), 0)
    return [_ID.pack(_NUMBERS.get(event.type, 0)), _ID.pack(native & 0xFFFF)]


def _encoded(event: SyscallEvent, param: Param, form: str) -> bytes:
    if form == "socktuple":
        return _tuple(event)
    value = event.value(param)
    if value is None:
        return b""
    if param.name == _REAPER and value == event.tid:  # the init of a pid namespace; Falco reads no further there
        value = 0
    return _ENCODE[form](value, event, param)


def _tuple(event: SyscallEvent) -> bytes:
    found = event.socket
    incoming = event.row.io == "read" or event.type in _COMES_IN
    return b"" if found is None else socktuple(found, incoming=incoming)


def _of_size(size: int) -> Encode:
    mask = (1 << 8 * size) - 1

    def encode(value: Any, _: SyscallEvent, __: Param) -> bytes:
        return (int(value) & mask).to_bytes(size, "little")

    return encode


def _text(value: Any, _: SyscallEvent, __: Param) -> bytes:
    return text(str(value))


def text(value: str) -> bytes:
    """Return a text as a parameter."""
    return value.encode(errors="replace").split(b"\0", 1)[0] + b"\0"


def _buffer(value: Any, _: SyscallEvent, param: Param) -> bytes:
    data = value.encode(errors="replace") if isinstance(value, str) else bytes(value)
    return texts(data) if param.name in _LISTS else data


def texts(data: bytes) -> bytes:
    """Return several texts, between which are zeros, as a parameter; of long ones only the beginning, as in Falco."""
    data = data.rstrip(b"\0")[: _LONGEST_LIST - 1]
    return data + b"\0" if data else b""


def _polled(value: Sequence[Polled], _: SyscallEvent, __: Param) -> bytes:
    entries = (
        _POLLED.pack(number, sum(falco for own, falco in POLL_BITS if bits & own)) for number, bits in value[:_ID_MOST]
    )
    return _ID.pack(min(len(value), _ID_MOST)) + b"".join(entries)


_ID_MOST: Final = 4096


def _dynamic(value: Any, event: SyscallEvent, param: Param) -> bytes:
    """Return a value with the number of its form in front, which depends on the call."""
    if event.type == "keyctl":
        return b"\1" + text(value) if isinstance(value, str) else b"\0" + _wide(value)
    if event.type == "ptrace":
        return b"\0" + _wide(value)
    if isinstance(value, (bytes, str)):
        return bytes((_UNKNOWN,)) + (value.encode() if isinstance(value, str) else value)
    option = int(event.value(event.row.params[event.row.param_index["optname"]]) or 0)
    if param.name == "val" and option in _SOCKET_TIMES:
        return bytes((_TIME,)) + _wide(value)
    if param.name == "val" and option == _SOCKET_ERROR:
        return bytes((_ERRNO,)) + _wide(value)
    if 0 <= value <= 0xFFFFFFFF and option not in _SOCKET_64:
        return bytes((_U32,)) + int(value).to_bytes(4, "little")
    return bytes((_U64,)) + _wide(value)


def _wide(value: int) -> bytes:
    return (int(value) & ((1 << 64) - 1)).to_bytes(8, "little")


_ENCODE: Final[dict[str, Encode]] = {
    **{f"{sign}{8 * size}": _of_size(size) for sign in "iu" for size in (1, 2, 4, 8)},
    "str": _text,
    "path": _text,
    "buf": _buffer,
    "sockaddr": lambda value, _, __: sockaddr(value),
    "fdlist": _polled,
    "dyn": _dynamic,
}
