"""Counters: each is one field of a struct, and its annotation declares everything about it.

The declaration holds what is counted, what happens to the number when a worker is replaced, its name in JSON and its
text. Sums over workers (:func:`plus`), the change between two readings (:func:`since`), JSON (:func:`as_json`), the
text of ``falcohost stats``, the metrics of ``/metrics`` and the tables of ``docs/stats.md`` and ``docs/metrics.md`` all
come from it, so a new counter is one new field::

    class SourceStats(msgspec.Struct, frozen=True):
        received: Annotated[int, number("records read from where the events come from")] = 0
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

#: The largest sum over workers, and the most names that workers add up to: each may be hostile.
MOST = (1 << 63) - 1
MOST_NAMES = 1 << 14


class Over(enum.Enum):
    """How the numbers of a worker and of its successor are combined."""

    SUM = "the sum of all workers"
    LAST = "the last worker's number"


class Shape(enum.IntEnum):
    """Shapes of a counter's value, in the order in which JSON lists them."""

    NUMBER = 1
    BY_NAME = 2  #: a number for each name
    SENTENCES = 3
    ROWS = 4  #: by name, numbers in a struct of their own


class Unit(enum.Enum):
    """Units of numbers; the value is the format that prints one."""

    COUNT = "{:,}"
    NANOSECONDS = "{:,} ns"
    SHARE = "{:.1%}"
    SECONDS = "{:,.1f} s"
    BYTES = "{:,} bytes"


class Counter(msgspec.Struct, frozen=True, kw_only=True):
    """A counter's declaration.

    :ivar help: what it counts.
    :ivar text: its name or heading in the text of ``falcohost stats``; None: not shown. A text with ``{}`` in it is a
        line of its own, left out while the number is 0.
    :ivar json: its name in JSON; None: left out.
    :ivar label: what the names are names of, as a label in metrics.
    :ivar before: name of the counter of the same shape that it is shown before; empty: the order of declaration.
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
    label: str = ""
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
    """Declare a number. Its name is also its text unless *text* says otherwise."""
    return Counter(help=help, shape=Shape.NUMBER, over=over, unit=unit, text=text, colour=colour, before=before)


def progress(help: str, unit: Unit = Unit.SHARE) -> Counter:
    """Declare a share from 0 to 1, or another number, or None, that is neither in the text nor in the JSON."""
    return Counter(help=help, shape=Shape.NUMBER, over=Over.LAST, unit=unit, text=None, json=None)


def by_name(
    help: str,
    *,
    label: str = "name",
    over: Over = Over.SUM,
    unit: Unit = Unit.COUNT,
    text: str,
    json: str = "",
    colour: str | None = None,
) -> Counter:
    """Declare one number per name. *text* follows their sum, or, if they are the last worker's, precedes them.

    A text that begins with ``{}`` is a line of its own, left out while all numbers are 0.
    """
    shape = Shape.BY_NAME
    return Counter(help=help, shape=shape, over=over, unit=unit, text=text, json=json, colour=colour, label=label)


def sentences(help: str) -> Counter:
    """Declare sentences, each shown on a line of its own."""
    return Counter(help=help, shape=Shape.SENTENCES, over=Over.LAST)


def rows(help: str, *, label: str = "name", text: str | None) -> Counter:
    """Declare a table: a struct of numbers per name. *text* heads the names; None: shown with another table's rows."""
    return Counter(help=help, shape=Shape.ROWS, text=text, label=label)


def counters(of: type[msgspec.Struct]) -> tuple[Counter, ...]:
    """Return the counters that a struct declares, in the order in which they are shown.

    :raises TypeError: a field has no counter in its annotation.
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
    """Return the counters in the order of the fields; names, texts and row types are filled in from the fields."""
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
    """Return the numbers of a worker, *now*, combined with those of its predecessors, *before*."""
    return _joined(before, now, _sum)


def since(before: T, now: T) -> T:
    """Return the change from *before* to *now*."""
    return _joined(before, now, _difference)


def as_json(numbers: msgspec.Struct) -> dict[str, object]:
    """Return the numbers as they appear in JSON."""
    return {one.json: _builtin(getattr(numbers, one.name)) for one in counters(type(numbers)) if one.json is not None}


def from_attributes(counted: object, of: type[T]) -> T:
    """Make a struct of type *of* from the attributes of *counted* with the names of its fields."""
    return of(*(getattr(counted, name) for name in of.__struct_fields__))


def from_json(data: Mapping[str, Any], of: type[T]) -> T:
    """Return the struct that :func:`as_json` made *data* from.

    :raises msgspec.ValidationError: *data* was not made from such a struct.
    """
    named = {one.json: one.name for one in counters(of)}
    if missing := [json for json in named if json is not None and json not in data]:
        raise msgspec.ValidationError(f"Object missing required field `{missing[0]}`")
    return msgspec.convert({named[json]: value for json, value in data.items() if json in named}, of)


def _joined(before: T, now: T, join: Callable[[Any, Any], Any]) -> T:
    """Apply *join* to the fields that are summed over workers; take the others from *now*."""
    of: Any = type(now)
    values = [
        join(getattr(before, name), getattr(now, name)) if summed else getattr(now, name)
        for name, summed in _layout(of)
    ]
    return cast(T, of(*values))


@functools.cache
def _layout(of: Any) -> tuple[tuple[str, bool], ...]:
    """Return the name of each field in order, and whether it is summed over workers."""
    return tuple((one.name, one.over is Over.SUM) for one in _declared(of))


def _sum(before: Any, now: Any) -> Any:
    """Return the sum; mappings and structs are added entry by entry, up to the limits."""
    if isinstance(now, int):
        return min(before + now, MOST)
    if isinstance(now, Mapping):
        sums = {**before, **now}
        for name in before.keys() & now.keys():
            sums[name] = _sum(before[name], now[name])
        most = max(MOST_NAMES, len(now))
        return sums if len(sums) <= most else dict(islice(sums.items(), most))
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
