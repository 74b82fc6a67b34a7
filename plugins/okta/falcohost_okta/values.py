"""Reads values from a System Log event; a missing value is "", so that comparisons with it are never absent.

This is the rule of Falco's plugin. A value that is not a text though its field is (``isProxy``) is shown as JSON.
Falco's plugin ignores the case of member names; here the first level may be in lower case (``eventtype``), as in
exports of data lakes, whose columns have no other case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcohost import Arg, Field, FieldType
from falcohost.jsonlog import at, elements, json_text


def both_cases(*paths: str) -> tuple[str, ...]:
    """Return *paths*, and each path whose first key has capitals once more with that key in lower case."""
    return (*paths, *(lowered for path in paths if (lowered := _lowered(path)) != path))


def reader(path: str) -> Callable[[dict[str, Any]], Any]:
    """Return a function that returns an event's value at *path*, in either case, or None."""
    read, read_lowered = at(path), at(_lowered(path))
    if _lowered(path) == path:
        return read

    def either(record: dict[str, Any]) -> Any:
        value = read(record)
        return read_lowered(record) if value is None else value

    return either


def _lowered(path: str) -> str:
    first, dot, rest = path.partition(".")
    return f"{first.lower()}{dot}{rest}"


def as_text(value: Any) -> str:
    """Return a text as it is, "" for None, and any other value as JSON."""
    if type(value) is str:
        return value
    return "" if value is None else json_text(value)


def text(name: str, path: str, description: str) -> Field:
    """Return a field with the text at *path*."""
    read = reader(path)
    return Field(
        name=name,
        type=FieldType.CHARBUF,
        description=description,
        get=lambda event, _: as_text(read(event.record)),
        reads=both_cases(path),
    )


def of_value(name: str, kind: FieldType, path: str, description: str, convert: Callable[[Any], Any]) -> Field:
    """Return a field with the value that *convert* makes of the value at *path*, which may be None."""
    read = reader(path)
    return Field(
        name=name,
        type=kind,
        description=description,
        get=lambda event, _: convert(read(event.record)),
        reads=both_cases(path),
    )


def of_target(name: str, kind: str, member: str, description: str) -> Field:
    """Return a field with a member of the last target of type *kind*; it is absent if there is none."""

    def get(event: Any, _: Arg) -> str | None:
        found = [target for target in targets(event.record) if target.get("type") == kind]
        return as_text(found[-1].get(member)) if found else None

    return Field(name=name, type=FieldType.CHARBUF, description=description, get=get, reads=("target",))


def targets(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the targets of the event, in order; one that is not an object has no members."""
    return [target if isinstance(target, dict) else {} for target in elements(record.get("target"))]
