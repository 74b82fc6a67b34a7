"""Reads events of a capture: header and bytes of each parameter; an old one is completed from the start of its call."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from struct import Struct, unpack_from
from typing import Final

from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.processes.described import of_members
from falcohost_syscall.records.text import text
from falcohost_syscall.scap.event_types import ENTERS, GENERIC, LARGE, OLD_TYPES, TYPES, EventType
from falcohost_syscall.scap.generic_calls import NAMES
from falcohost_syscall.scap.reader import TooShortError

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
#: How the lengths of parameters are read, by their number.
_MOST_PARAMS: Final = 64
_LENGTHS: Final = tuple(Struct(f"<{count}H") for count in range(_MOST_PARAMS))
#: Largest number of threads whose start of a call is remembered.
_LIMIT: Final = 65536

_BY_NUMBER: Final = {number: row.name for row in CALLS for number in row.numbers.get("x86_64", ())}
#: The kinds of parameters that are numbers, and whether they are signed.
SIGNED: Final = {
    **dict.fromkeys(("i8", "i16", "i32", "i64"), True),
    **dict.fromkeys(("u8", "u16", "u32", "u64"), False),
}
_LONGEST_NUMBER: Final = 8
#: Types (notification, infra) that say that they are longer than they are where they do not say how many parameters
#: they have, and by how many bytes.
_PADDED: Final = frozenset({280, 286})
_PADDING: Final = 3
#: The oldest type that tells of a container.
_MEMBERS: Final = 228
#: Stands for a missing text in old captures.
NO_TEXT: Final = b"<NA>"


class CapturedCall:
    """One event: its time, thread and parameters.

    :ivar type: its event type; *name*: the name that rules use.
    :ivar cpu: the number of the processor; *state_only*: it is not an event for rules.
    :param values: the bytes of each parameter; None: they are in *data*, behind their lengths.
    """

    __slots__ = ("_data", "_values", "cpu", "name", "state_only", "tid", "ts", "type")

    def __init__(
        self, type: EventType, ts: int, tid: int, cpu: int, values: list[bytes] | None, data: bytes = b""
    ) -> None:
        self.type = type
        self.name = type.name
        self.ts = ts
        self.tid = tid
        self.cpu = cpu
        self._values = values
        self._data = data
        self.state_only = False
        if type.code == GENERIC:
            self.name = generic_name(self.number("ID") or 0, self.number("nativeID") or 0)

    @property
    def values(self) -> list[bytes]:
        """The bytes of each parameter."""
        found = self._values
        if found is None:
            count, data = len(self.type.params), self._data
            found = self._values = plain_values(data, 0, count, len(data)) or []
        return found

    @property
    def is_generic(self) -> bool:
        """Whether the event has no parameters but the number of its call."""
        return self.type.code == GENERIC

    def raw(self, name: str) -> bytes | None:
        """Return the bytes of a parameter; None if the event does not have it, or it is empty."""
        place = self.type.places.get(name)
        if place is None or place >= len(self.values):
            return None
        return self.values[place] or None

    def number(self, name: str) -> int | None:
        """Return a parameter as a number, or None."""
        known = self.type.numbers.get(name)
        if known is None or known[0] >= len(self.values):
            return None
        data = self.values[known[0]]
        if not data or len(data) > _LONGEST_NUMBER:
            return None
        return int.from_bytes(data, "little", signed=known[1])

    def text(self, name: str) -> bytes | None:
        """Return a parameter as a text, or None."""
        data = self.raw(name)
        found = None if data is None else data.split(b"\0", 1)[0]
        return None if found == NO_TEXT else found

    @property
    def result(self) -> int:
        """What the call returned: its first parameter if that is a result, else 0."""
        if not self.type.has_result:
            return 0
        values = self._values
        if values is None:
            begin = 2 * len(self.type.params)
            data = self._data[begin : begin + _LONGEST_NUMBER]
        else:
            data = values[0][:_LONGEST_NUMBER] if values else b""
        return int.from_bytes(data, "little", signed=len(data) == _LONGEST_NUMBER)  # ids are shorter, and unsigned


def time_of(kind: int, body: bytes) -> int:
    """Return the time of the event in a block of this type.

    :raises TooShortError: it has none.
    """
    place, header = EVENTS[kind]
    if len(body) < place + header:
        raise TooShortError
    found: int = _HEADER.unpack_from(body, place)[0]
    return found


def generic_name(number: int, native: int) -> str:
    """Return the name of the call that has this number in Falco, or else on the machine.

    A capture does not name its machine; those in which Falco does not know a call's number are of x86_64.
    """
    return NAMES[number] if 0 < number < len(NAMES) else _BY_NUMBER.get(native, NAMES[0])


class Calls:
    """Assembles calls from the blocks with events, in order."""

    def __init__(self) -> None:
        self._begun: dict[int, tuple[int, bytes, int]] = {}

    def call(self, kind: int, body: bytes) -> tuple[int, CapturedCall | None]:
        """Return the type of the event in a block, and the call that it ends, or None if it ends none.

        :raises TooShortError: the block is shorter than it says.
        """
        place, header = EVENTS[kind]
        if len(body) < place + header:
            raise TooShortError
        ts, tid, size, code = _HEADER.unpack_from(body, place)
        if not header <= size <= len(body) - place:
            raise TooShortError
        count = -1 if header == _OLD else _NUMBER.unpack_from(body, place + _OLD)[0]
        flags = _NUMBER.unpack_from(body, 2)[0] if place > 2 else 0
        data = body[place + header : place + size]
        if code in ENTERS:
            self.begin(tid, code, data, count)
            return code, None
        made = self.make(code, data, count, ts, tid, _LENGTH.unpack_from(body)[0])
        if made is not None:
            made.state_only = bool(flags & _STATE_ONLY)
        return code, made

    def begin(self, tid: int, code: int, data: bytes, count: int) -> None:
        """Remember the start of a call: *data* are the parameters behind their lengths, *count* their number or -1."""
        begun = self._begun
        begun.pop(tid, None)
        if len(begun) >= _LIMIT:
            del begun[next(iter(begun))]
        begun[tid] = (code, data, count)

    def make(self, code: int, data: bytes, count: int, ts: int, tid: int, cpu: int) -> CapturedCall | None:
        """Return the call that ends with this event; None if nobody knows its type.

        :raises TooShortError: the event is shorter than it says.
        """
        kind = TYPES.get(code)
        if kind is not None:
            values = values_of(data, kind, count)
            if len(values) < len(kind.params):
                self._complete(tid, code, kind, values)
        else:
            old = OLD_TYPES.get(code)
            if old is None:
                return None
            kind = TYPES[old.becomes]
            values = (
                [_described(data, old, count)]
                if code == _MEMBERS
                else self._renew(tid, old, kind, values_of(data, old, count))
            )
        return CapturedCall(kind, ts, tid, cpu, values)

    def started(self, tid: int, code: int) -> dict[str, bytes]:
        """Return the parameters of the start of the call that ends with an event of type *code*, by name."""
        begun, data, count = self._begun.get(tid, (-1, b"", 0))
        if begun + 1 != code:
            return {}
        kind = ENTERS[begun]
        values = values_of(data, kind, count)
        return {name: values[place] for name, place in kind.places.items() if place < len(values)}

    def began_with(self, tid: int, code: int, part: bytes) -> bool:
        """Return whether the start of such a call is not known, or has *part* among its parameters."""
        begun, data, _ = self._begun.get(tid, (-1, b"", 0))
        return begun + 1 != code or part in data

    def _complete(self, tid: int, code: int, kind: EventType, values: list[bytes]) -> None:
        """Add the parameters that the end of a call lacks from its start."""
        passed = self.started(tid, code)
        for place in range(len(values), len(kind.params)):
            values.append(passed.get(kind.params[place][0], kind.missing[place]))

    def _renew(self, tid: int, old: EventType, kind: EventType, values: list[bytes]) -> list[bytes]:
        """Return the values of an event of an old type in the order of the new one."""
        passed = self.started(tid, old.code)
        named = {name: values[place] for name, place in old.places.items() if place < len(values)}
        return [
            named[name] if name in named else passed.get(name, kind.missing[place])
            for place, (name, _) in enumerate(kind.params)
        ]


def _described(data: bytes, old: EventType, count: int) -> bytes:
    """Return the JSON of a container that an event tells by its members."""
    call = CapturedCall(old, 0, 0, 0, values_of(data, old, count))
    number, name, image = (text(call.text(param) or b"") for param in ("id", "name", "image"))
    return of_members(number, call.number("type") or 0, name, image)


def plain_values(data: bytes, place: int, count: int, end: int) -> list[bytes] | None:
    """Return the bytes of *count* parameters whose lengths begin at *place*; None if they do not end before *end*."""
    if count >= _MOST_PARAMS:
        return None
    begin = place + 2 * count
    if begin > end:
        return None
    ends = [*accumulate(_LENGTHS[count].unpack_from(data, place), initial=begin)]
    return [data[begin:end] for begin, end in pairwise(ends)] if ends[-1] <= end else None


def values_of(data: bytes, kind: EventType, count: int) -> list[bytes]:
    """Return the bytes of each parameter; old events do not say how many there are, so this is found by trying.

    :raises TooShortError: there is less than the lengths say.
    """
    if kind.code in LARGE:
        return _large(data, count)
    if count >= 0:
        if count >= _MOST_PARAMS or 2 * count > len(data):
            raise TooShortError
        lengths = _LENGTHS[count].unpack_from(data)
        ends = [*accumulate(lengths, initial=2 * count)]
        if ends[-1] > len(data):
            raise TooShortError
        return [data[begin:end] for begin, end in pairwise(ends)]
    if kind.code in _PADDED:
        data = data[:-_PADDING]
    for number in range(len(kind.params), -1, -1):
        if 2 * number <= len(data):
            lengths = _LENGTHS[number].unpack_from(data)
            if sum(lengths) == len(data) - 2 * number:
                return _cut(data, lengths, 2)
    raise TooShortError


def _large(data: bytes, count: int) -> list[bytes]:
    if not 0 <= count < _MOST_PARAMS or 4 * count > len(data):
        raise TooShortError
    lengths = unpack_from(f"<{count}I", data)
    if 4 * count + sum(lengths) > len(data):
        raise TooShortError
    return _cut(data, lengths, 4)


def _cut(data: bytes, lengths: Sequence[int], width: int) -> list[bytes]:
    return [data[begin:end] for begin, end in pairwise(accumulate(lengths, initial=width * len(lengths)))]
