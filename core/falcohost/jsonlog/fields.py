"""The fields ``json.*`` (older name: ``jevt.*``), which read any value of a record, for all sources of JSON records."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from falcohost.engine.paths import ABSENT, Place, json_text, placed, told_apart
from falcohost.engine.times import SECOND
from falcohost.fields import Arg, ArgKind, Field, FieldType

#: How deeply a record nests at most that ``json.obj`` shows with a line for each value.
_INDENTED: Final = 100


@functools.lru_cache(maxsize=4096)
def pointer_steps(pointer: str) -> tuple[str, ...]:
    """Split a JSON pointer (RFC 6901); its first slash may be missing."""
    if pointer == "":
        return ()
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.removeprefix("/").split("/"))


def pointed(record: Any, pointer: str) -> Any:
    """Return the value at *pointer*, or :data:`~falcohost.jsonlog.ABSENT`."""
    value = record
    for step in pointer_steps(pointer):
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 10:
            value = value[int(step)] if int(step) < len(value) else ABSENT
        else:
            return ABSENT
    return value


@functools.lru_cache(maxsize=4096)
def _reader(pointer: str) -> Callable[[Any], Any]:
    """Return the function from a record to its value at *pointer*, or :data:`~falcohost.jsonlog.ABSENT`."""
    steps = pointer_steps(pointer)
    if len(steps) == 1:  # as most have: a record is an object
        (key,) = steps
        return lambda record: record.get(key, ABSENT)
    return lambda record: pointed(record, pointer)


def _value(event: Any, arg: Arg) -> str | None:
    value = _reader(arg)(event.record)
    if value.__class__ is str:
        return value
    return None if value is ABSENT else json_text(value)


def _place(arg: Arg) -> Place | None:
    """Return where the value at a pointer is; None if a step may lead into an array."""
    steps = pointer_steps(str(arg))
    return None if not steps or any(step.isdigit() for step in steps[1:]) else Place(steps)


def _has_another_time(text: str) -> Callable[[Any], bool]:
    """Return whether the year in an event's record shows that its time is not that in *text*; it is not read for that.

    Rules that are to match nothing ask for the time 0, of each event.
    """
    years = _years(text)
    if years is None:
        return lambda event: False

    def has(event: Any) -> bool:
        given = event.record.get(event.text.context.time_key)
        return given.__class__ is str and given[4:5] == "-" and given[:4] not in years

    return has


def _years(text: str) -> frozenset[str] | None:
    """Return the years of a time in nanoseconds, in all zones; None if they are not known."""
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=int(text) // SECOND)
    except (ValueError, OverflowError):
        return None
    return frozenset(f"{moment.year + by:04}" for by in (-1, 0, 1))


def _object(event: Any, arg: Arg) -> str:
    text = msgspec.json.encode(event.record)
    # What nests deeply stays in one line: each value within would have a line of its own with thousands of blanks.
    return msgspec.json.format(text, indent=2 if _nests_little(event.record) else 0).decode()


def _nests_little(record: Any) -> bool:
    level = [record]
    for _ in range(_INDENTED):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return True
    return False


def _rows() -> Iterator[Field]:
    for name, where in (("json", ""), ("jevt", " Same as json.{}.")):
        yield Field(
            name=f"{name}.value",
            type=FieldType.CHARBUF,
            description="Value at a JSON pointer (RFC 6901); anything but a string is shown as JSON."
            + where.format("value"),
            get=placed(_value, _place),
            arg=ArgKind.KEY,
            arg_required=True,
        )
        yield Field(
            name=f"{name}.obj",
            type=FieldType.CHARBUF,
            description="The whole record as JSON over several lines." + where.format("obj"),
            get=_object,
        )
        yield Field(
            name=f"{name}.rawtime",
            type=FieldType.CHARBUF,
            description="Time of the event in nanoseconds since the epoch, as a string." + where.format("rawtime"),
            get=told_apart(lambda event, arg: str(event.ts), _has_another_time),
            present=True,
        )


#: Fields that every source of JSON records has in addition to its own.
JSON_FIELDS: tuple[Field, ...] = tuple(_rows())
