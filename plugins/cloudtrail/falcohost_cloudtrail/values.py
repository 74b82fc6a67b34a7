"""Reads values from a CloudTrail record: a missing value is absent, and one that should be a text but is not is "".

These are the rules of Falco's plugin; ``exists`` in public rules depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from falcohost import Field, FieldType
from falcohost.jsonlog import ABSENT, json_text, text_getter, value_getter

MOST = 2**64 - 1


def as_text(value: Any) -> str | None:
    """Return a text as it is, "" for any other value, None if it is absent."""
    if type(value) is str:
        return value
    return None if value is ABSENT else ""


def as_json(value: Any) -> str | None:
    """Return *value* as compact JSON, None if it is absent."""
    return None if value is ABSENT else json_text(value)


def as_truth(value: Any) -> str | None:
    """Return ``true`` for JSON's true, ``false`` for any other value, None if it is absent."""
    if value is ABSENT:
        return None
    return "true" if value is True else "false"


def as_count(value: Any) -> int | None:
    """Return a number of bytes, which CloudTrail writes with or without a fraction; 0 if it is not a number."""
    if value is ABSENT:
        return None
    if type(value) is float:
        value = int(value) if math.isfinite(value) else 0
    return min(max(value, 0), MOST) if type(value) is int else 0


def text(name: str, path: str, description: str) -> Field:
    """Return a field with the text at *path*."""
    get = text_getter(path, as_text)
    return Field(name=name, type=FieldType.CHARBUF, description=description, get=get, reads=(path,))


def json(name: str, path: str, description: str) -> Field:
    """Return a field that shows the value at *path* as JSON."""
    return of_value(name, path, description, as_json)


def truth(name: str, path: str, description: str) -> Field:
    """Return a field that shows the boolean at *path*."""
    return of_value(name, path, description, as_truth)


def of_value(name: str, path: str, description: str, convert: Callable[[Any], str | None]) -> Field:
    """Return a field with the value that *convert* makes of the value at *path*, if there is one."""
    get = value_getter(path, lambda value, _: convert(value))
    return Field(name=name, type=FieldType.CHARBUF, description=description, get=get, reads=(path,))


def of_record(
    name: str, kind: FieldType, description: str, value: Callable[[dict[str, Any]], Any], reads: tuple[str, ...]
) -> Field:
    """Return a field that is computed from several members of the record, those at *reads*."""
    return Field(name=name, type=kind, description=description, get=lambda event, _: value(event.record), reads=reads)
