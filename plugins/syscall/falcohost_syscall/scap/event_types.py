"""The types of events in captures, made from :mod:`.type_table` and :mod:`.old_types`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from falcohost_syscall.scap.old_types import OLD_RETURNS, STARTS
from falcohost_syscall.scap.type_table import RETURNS

#: A call that has no type in Falco; ``nativeID`` is its number on the machine.
GENERIC: Final = 1
#: Types in which the length of each parameter has four bytes.
LARGE: Final = frozenset({322, 402, 324})
#: The event of a plugin.
PLUGIN: Final = 322
#: The largest number of a type, and one more.
MOST: Final = 454
#: Sizes of numbers in bytes, by the kind of the parameter.
_SIZES: Final = {f"{sign}{8 * size}": size for sign in "iu" for size in (1, 2, 4, 8)}
_UNUSED: Final = "-"
#: Calls whose only parameter is the id that they return.
_IDS: Final = frozenset({"getuid", "geteuid", "getgid", "getegid"})


@dataclass(frozen=True)
class EventType:
    """An event type: its number, name, and parameters as (name, kind).

    :ivar missing: what stands in place of a parameter that is not in the event.
    :ivar becomes: the number of the type for which an old type stands; else its own.
    :ivar counts: whether it has a number in ``evt.num``.
    """

    code: int
    name: str
    params: tuple[tuple[str, str], ...]
    missing: tuple[bytes, ...] = ()
    becomes: int = -1
    counts: bool = True

    @cached_property
    def places(self) -> dict[str, int]:
        """The parameters' indexes by name."""
        return {name: place for place, (name, _) in enumerate(self.params) if name != _UNUSED}

    @cached_property
    def numbers(self) -> dict[str, tuple[int, bool]]:
        """The parameters' indexes by name, and whether a number in this place is signed."""
        return {name: (place, self.params[place][1][0] == "i") for name, place in self.places.items()}

    @cached_property
    def zeros(self) -> tuple[bytes, ...]:
        """For each parameter that is a number, a zero of its size; of others nothing."""
        return tuple(bytes(_SIZES.get(kind, 0)) for _, kind in self.params)

    @cached_property
    def has_result(self) -> bool:
        """Whether the first parameter is what the call returned."""
        return bool(self.params) and self.code % 2 == 1 and (self.params[0][0] in ("res", "fd") or self.name in _IDS)


def _lines(table: str) -> list[list[str]]:
    return [line.split() for line in table.replace("\n    ", " ").strip().splitlines()]


def _params(words: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, kind.rstrip("!")) for name, _, kind in (word.partition(":") for word in words))


def _missing(words: list[str]) -> tuple[bytes, ...]:
    kinds = [word.partition(":")[2] for word in words]
    return tuple(bytes(_SIZES.get(kind[:-1], 0)) if kind.endswith("!") else b"" for kind in kinds)


def _returns() -> dict[int, EventType]:
    return {
        int(code): EventType(int(code), name, _params(words), _missing(words), int(code))
        for code, name, *words in _lines(RETURNS)
    }


def _old_returns(now: dict[int, EventType]) -> dict[int, EventType]:
    found = {}
    for code, target, *words in _lines(OLD_RETURNS):
        becomes = int(target.removeprefix("="))
        found[int(code)] = EventType(int(code), now[becomes].name, _params(words), (), becomes)
    return found


def _starts() -> dict[int, EventType]:
    found = {}
    for code, *words in _lines(STARTS):
        number = int(code.rstrip("+"))
        found[number] = EventType(number, "", _params(words), (), number, code.endswith("+"))
    return found


#: Today's types of events for rules, by number.
TYPES: Final = _returns()
#: Those that were replaced.
OLD_TYPES: Final = _old_returns(TYPES)
#: Types of starts of calls, by number; the return of the call has the next number.
ENTERS: Final = _starts()
