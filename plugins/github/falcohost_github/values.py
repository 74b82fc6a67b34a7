"""Reads values from a webhook's payload: what is missing or not a text is "", so it is never absent.

This is the rule of Falco's plugin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcohost import Field, FieldType
from falcohost.jsonlog import at


def as_text(value: Any) -> str:
    """Return a text as it is, "" for any other value."""
    return value if type(value) is str else ""


def as_count(value: Any) -> int:
    """Return a whole number that is not negative as it is, 0 for any other value."""
    return value if type(value) is int and value >= 0 else 0


def text(
    name: str, path: str, description: str, convert: Callable[[Any], str] = as_text, *, deprecated: bool = False
) -> Field:
    """Return a field with the value that *convert* makes of the value at *path*, which may be None."""
    read = at(path)
    return Field(
        name=name,
        type=FieldType.CHARBUF,
        description=description,
        get=lambda event, _: convert(read(event.record)),
        reads=(path,),
        deprecated=deprecated,
    )


def of_record(
    name: str, description: str, value: Callable[[dict[str, Any]], str | None], reads: tuple[str, ...]
) -> Field:
    """Return a field that is computed from several members of the payload, those at *reads*."""
    return Field(
        name=name,
        type=FieldType.CHARBUF,
        description=description,
        get=lambda event, _: value(event.record),
        reads=reads,
    )
