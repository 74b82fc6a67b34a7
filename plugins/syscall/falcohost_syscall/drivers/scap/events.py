"""Reads events of a capture: header and bytes of each parameter; an old one is completed from the start of its call."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct, unpack_from
from typing import Final

from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.drivers.scap.event_types import ENTERS, EXITS, GENERIC, LARGE, EventType
from falcohost_syscall.drivers.scap.reader import TooShortError

#: Types of blocks with an event: size of the processor's number and flags, and size of the header.
_OLD, _WITH_NUMBER = 22, 26
EVENTS: Final = {
    **dict.fromkeys((0x204, 0x8010ABCD), (2, _OLD)),
    0x208: (6, _OLD),
    **dict.fromkeys((0x216, 0x221), (2, _WITH_NUMBER)),
    **dict.fromkeys((0x217, 0x222), (6, _WITH_NUMBER)),
}
#: Flag of a block: the event only serves the tables.
_STATE_ONLY: Final = 1
_HEADER: Final = Struct("<QqIH")
_NUMBER: Final = Struct("<I")
_LENGTH: Final = Struct("<H")
#: Largest number of threads whose start of a call is remembered.
_LIMIT: Final = 65536

#: Names of calls by number. A capture does not name its machine; old captures exist for x86_64 only.
_BY_NUMBER: Final = {number: row.name for row in CALLS for number in row.numbers.get("x86_64", ())}
#: The kinds of parameters that are numbers, and whether they are signed.
SIGNED: Final = {
    **dict.fromkeys(("i16", "i32", "i64"), True),
    **dict.fromkeys(("u8", "u16", "u32", "u64"), False),
}
_LONGEST_NUMBER: Final = 8
#: Stands for a missing text in old captures.
_NO_TEXT: Final = b"<NA>"


class CapturedCall:
    """One event: its time, thread and parameters.

    :ivar type: its event type; *name*: the name that rules use.
    :ivar cpu: the number of the processor; *state_only*: it is not an event for rules.
    """

    __slots__ = ("cpu", "name", "state_only", "tid", "ts", "type", "values")

    def __init__(self, type: EventType, ts: int, tid: int, cpu: int, values: list[bytes], state_only: bool) -> None:
        self.type = type
        self.name = type.name
        self.ts = ts
        self.tid = tid
        self.cpu = cpu
        self.values = values
        self.state_only = state_only
        if type.code == GENERIC:
            self.name = _BY_NUMBER.get(self.number("nativeID") or 0, type.name)

    def raw(self, name: str) -> bytes | None:
        """Return the bytes of a parameter; None if the event does not have it, or it is empty."""
        place = self.type.places.get(name)
        if place is None or place >= len(self.values):
            return None
        return self.values[place] or None

    def number(self, name: str) -> int | None:
        """Return a parameter as a number, or None."""
        data = self.raw(name)
        if data is None or len(data) > _LONGEST_NUMBER:
            return None
        signed = SIGNED.get(self.type.params[self.type.places[name]][1], False)
        return int.from_bytes(data, "little", signed=signed)

    def text(self, name: str) -> bytes | None:
        """Return a parameter as a text, or None."""
        data = self.raw(name)
        found = None if data is None else data.split(b"\0", 1)[0]
        return None if found == _NO_TEXT else found


class Calls:
    """Assembles calls from the blocks with events, in order."""

    def __init__(self) -> None:
        self._begun: dict[int, tuple[int, EventType, list[bytes]]] = {}

    def call(self, kind: int, body: bytes) -> CapturedCall | None:
        """Return the call that a block with an event ends, or None if it ends none that is an event for rules.

        :raises TooShortError: the block is shorter than it says.
        """
        place, header = EVENTS[kind]
        if len(body) < place + header:
            raise TooShortError
        ts, tid, size, code = _HEADER.unpack_from(body, place)
        found = EXITS.get(code) or ENTERS.get(code)
        if found is None or code in LARGE:
            return None
        if not header <= size <= len(body) - place:
            raise TooShortError
        count = None if header == _OLD else _NUMBER.unpack_from(body, place + _OLD)[0]
        values = _values(body[place + header : place + size], found, count)
        if code in ENTERS:
            self._begin(tid, code, found, values)
            return None
        if len(values) < len(found.params):
            self._complete(tid, code, found, values)
        flags = _NUMBER.unpack_from(body, 2)[0] if place > 2 else 0
        return CapturedCall(found, ts, tid, _LENGTH.unpack_from(body)[0], values, bool(flags & _STATE_ONLY))

    def _begin(self, tid: int, code: int, found: EventType, values: list[bytes]) -> None:
        self._begun.pop(tid, None)
        if len(self._begun) >= _LIMIT:
            del self._begun[next(iter(self._begun))]
        self._begun[tid] = (code, found, values)

    def _complete(self, tid: int, code: int, found: EventType, values: list[bytes]) -> None:
        """Add the parameters that the end of a call lacks from its start."""
        begun, enter, passed = self._begun.pop(tid, (0, found, []))
        if begun + 1 != code:
            return
        for name, _ in found.params[len(values) :]:
            place = enter.places.get(name, len(passed))
            values.append(passed[place] if place < len(passed) else b"")


def _values(data: bytes, found: EventType, count: int | None) -> list[bytes]:
    """Return the bytes of each parameter; old events do not say how many there are, so this is found by trying."""
    if count is not None:
        return _split(data, count)
    for number in range(len(found.params), -1, -1):
        if _LENGTH.size * number <= len(data):
            lengths = unpack_from(f"<{number}H", data)
            if sum(lengths) == len(data) - _LENGTH.size * number:
                return _cut(data, lengths)
    raise TooShortError


def _split(data: bytes, count: int) -> list[bytes]:
    if _LENGTH.size * count > len(data):
        raise TooShortError
    lengths = unpack_from(f"<{count}H", data)
    if sum(lengths) > len(data) - _LENGTH.size * count:
        raise TooShortError
    return _cut(data, lengths)


def _cut(data: bytes, lengths: Sequence[int]) -> list[bytes]:
    place = _LENGTH.size * len(lengths)
    found = []
    for length in lengths:
        found.append(data[place : place + length])
        place += length
    return found
