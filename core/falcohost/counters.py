"""Counters: each is one field of a struct, and its declaration says everything about it.

It says what is counted, how the number goes on when a worker is replaced, its name in JSON and its text. From it are
made sums over workers (:func:`plus`), differences of two looks (:func:`since`), JSON (:func:`as_json`), the text of
``falcohost stats`` and the tables of ``docs/stats.md``, so that a new counter is a new field and nothing else::

    class SourceStats(msgspec.Struct, frozen=True):
        received: Annotated[int, number("what came from where events are born")] = 0
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


class Over(enum.Enum):
    """What a number is when one worker follows another."""

    SUM = "the sum of all workers"
    LAST = "what the last worker says"


class Shape(enum.IntEnum):
    """What a value looks like, in the order in which JSON has them."""

    NUMBER = 1
    BY_NAME = 2  #: a number for each name
    SENTENCES = 3
    ROWS = 4  #: by name, numbers in a struct of their own


class Unit(enum.Enum):
    """What a number counts; the value formats it."""

    COUNT = "{:,}"
    NANOSECONDS = "{:,} ns"
    SHARE = "{:.1%}"


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """A counter's declaration.

    :ivar help: what it counts.
    :ivar text: how the text of ``falcohost stats`` has it; None: not at all. A number with a ``{}`` in its text is a
        line of its own, left out while it is 0; any other text is a name or a heading.
    :ivar json: its name in JSON; None: it is not there.
    :ivar before: the name of the counter of the same shape that is shown behind it; empty: the next in order.
    :ivar name: the field's name.
    :ivar of: the struct of a row.
    """

    help: str
    shape: Shape
    text: str | None = ""
    json: str | None = ""
    over: Over = Over.SUM
    unit: Unit = Unit.COUNT
    colour: str | None = None
    before: str = ""
    name: str = ""
    of: type[msgspec.Struct] | None = None


def number(
    help: str,
    *,
    over: Over = Over.SUM,
    unit: Unit = Unit.COUNT,
    text: str | None = "",
    colour: str | None = None,
    before: str = "",
) -> Counter:
    """Declare a number; its name is its text, unless there is another."""
    return Counter(help=help, shape=Shape.NUMBER, over=over, unit=unit, text=text, colour=colour, before=before)


def progress(help: str) -> Counter:
    """Declare a share from 0 to 1, or None, that is shown elsewhere."""
    return Counter(help=help, shape=Shape.NUMBER, over=Over.LAST, unit=Unit.SHARE, text=None, json=None)


def by_name(
    help: str, *, over: Over = Over.SUM, unit: Unit = Unit.COUNT, text: str, json: str = "", colour: str | None = None
) -> Counter:
    """Declare a number for each name. *text* stands before those of the last worker, behind the sum of all."""
    return Counter(help=help, shape=Shape.BY_NAME, over=over, unit=unit, text=text, json=json, colour=colour)


def sentences(help: str) -> Counter:
    """Declare what is said in sentences, each shown on a line of its own."""
    return Counter(help=help, shape=Shape.SENTENCES, over=Over.LAST)


def rows(help: str, *, text: str | None) -> Counter:
    """Declare numbers by name, shown as a table; *text*: the heading of the names, None: shown with other rows."""
    return Counter(help=help, shape=Shape.ROWS, text=text)


def counters(of: type[msgspec.Struct]) -> tuple[Counter, ...]:
    """Return the counters that a struct declares, in the order in which they are shown.

    :raises TypeError: one of its fields is no counter.
    """
    return _counters(of)


@functools.cache
def _counters(of: Any) -> tuple[Counter, ...]:
    declared = _declared(of)
    place = {counter.name: number for number, counter in enumerate(declared)}
    return tuple(
        sorted(declared, key=lambda one: (one.shape, place[one.before or one.name], not one.before, place[one.name]))
    )


def _declared(of: type[msgspec.Struct]) -> list[Counter]:
    """Return the counters in the order of the fields, with all that follows from the field itself."""
    found = []
    for name, hint in get_type_hints(of, include_extras=True).items():
        value, counter = (*get_args(hint), None, None)[:2]
        if not isinstance(counter, Counter):
            raise TypeError(f"{of.__name__}.{name} is not declared as a counter")
        json = counter.json if counter.json is None else counter.json or name
        text = counter.text if counter.text is None else counter.text or name
        row = get_args(value)[1] if counter.shape is Shape.ROWS else None
        found.append(msgspec.structs.replace(counter, name=name, json=json, text=text, of=row))
    order = {name: number for number, name in enumerate(of.__struct_fields__)}
    return sorted(found, key=lambda one: order[one.name])


def plus(before: T, now: T) -> T:
    """Return the numbers of one worker, *now*, with those of the workers before it."""
    return _joined(before, now, _sum)


def since(before: T, now: T) -> T:
    """Return what has come to *before*."""
    return _joined(before, now, _difference)


def as_json(numbers: msgspec.Struct) -> dict[str, object]:
    """Return the numbers as JSON has them."""
    return {one.json: _builtin(getattr(numbers, one.name)) for one in counters(type(numbers)) if one.json is not None}


def from_attributes(counted: object, of: type[T]) -> T:
    """Return the numbers that *counted* has as attributes, by the names of the fields."""
    return of(*(getattr(counted, name) for name in of.__struct_fields__))


def from_json(data: Mapping[str, Any], of: type[T]) -> T:
    """Return the numbers that :func:`as_json` has made *data* from.

    :raises msgspec.ValidationError: *data* is something else.
    """
    named = {one.json: one.name for one in counters(of)}
    if missing := [json for json in named if json is not None and json not in data]:
        raise msgspec.ValidationError(f"Object missing required field `{missing[0]}`")
    return msgspec.convert({named[json]: value for json, value in data.items() if json in named}, of)


def _joined(before: T, now: T, join: Callable[[Any, Any], Any]) -> T:
    """Return *now* with what *join* makes of both, where workers are summed up."""
    of: Any = type(now)
    values = [
        join(getattr(before, name), getattr(now, name)) if summed else getattr(now, name)
        for name, summed in _layout(of)
    ]
    return cast(T, of(*values))


@functools.cache
def _layout(of: Any) -> tuple[tuple[str, bool], ...]:
    """Return the name of each field in order, and whether workers are summed up in it."""
    return tuple((one.name, one.over is Over.SUM) for one in _declared(of))


def _sum(before: Any, now: Any) -> Any:
    """Return the sum, by name of what has names."""
    if isinstance(now, int):
        return before + now
    if isinstance(now, Mapping):
        sums = {**before, **now}
        for name in before.keys() & now.keys():
            sums[name] = _sum(before[name], now[name])
        return sums
    return plus(before, now)


def _difference(before: Any, now: Any) -> Any:
    if isinstance(now, int):
        return now - before
    if isinstance(now, Mapping):
        return {name: _difference(before[name], one) if name in before else one for name, one in now.items()}
    return since(before, now)


def _builtin(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _builtin(one) for name, one in value.items()}
    return as_json(value) if isinstance(value, msgspec.Struct) else value
