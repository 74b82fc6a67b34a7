"""Where a field's value comes from: its own getter, or a JSON path into the event's record.

An event whose fields have paths carries its decoded JSON as the attribute ``record``. A text that the JSON holds as
something else (a number, an object) is shown as compact JSON, as Falco's plugins do.

A path is keys with dots between them: ``actor.displayName``. A key that is no plain word stands in brackets, as a JSON
text: ``annotations["authorization.k8s.io/decision"]``. There are no indexes: what is in a list is its reader's matter.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from falcohost.errors import PluginError
from falcohost.fields import Arg, Family, Field

Getter: TypeAlias = Callable[[Any, Arg], Any]


class _Absent(enum.Enum):
    """The type of :data:`ABSENT`."""

    ABSENT = "absent"


#: What :func:`lookup` gives for a value that is not there, where None is JSON's null.
ABSENT: Final = _Absent.ABSENT

_KEY = re.compile(r'\.?([^.\[\]"]+)|\[("(?:[^"\\]|\\.)*")\]')


def getter(field: Field) -> Getter:
    """Return the function that reads *field* from an event.

    :raises PluginError: the field has neither a getter nor a path.
    """
    if field.get is not None:
        return field.get
    if field.path is None:
        raise PluginError(f"field {field.name} says neither how to get its value nor at which path it is")
    return _path_getter(field.path, field.type.family)


def path_keys(path: str) -> tuple[str, ...]:
    """Return the keys that *path* consists of.

    :raises PluginError: it is no path.
    """
    keys: list[str] = []
    at = 0
    while at < len(path):
        match = _KEY.match(path, at)
        if match is None or (match[0].startswith(".") and at == 0):
            raise PluginError(f'{path!r} is no JSON path: keys with dots between them, others in brackets as ["a.b"]')
        keys.append(match[1] if match[2] is None else msgspec.json.decode(match[2], type=str))
        at = match.end()
    if not keys:
        raise PluginError("an empty text is no JSON path")
    return tuple(keys)


def at(path: str) -> Callable[[Any], Any]:
    """Return the function from a record to its value at *path*; None where there is none.

    :raises PluginError: it is no path.
    """
    return _walk(path_keys(path), None)


def lookup(path: str) -> Callable[[Any], Any]:
    """Return the function from a record to its value at *path*; :data:`ABSENT` where there is none.

    :raises PluginError: it is no path.
    """
    return _walk(path_keys(path), ABSENT)


def _walk(keys: tuple[str, ...], missing: Any) -> Callable[[Any], Any]:
    first, *rest = keys
    if not rest:
        return lambda record: record.get(first, missing)

    def walk(record: Any) -> Any:
        value = record.get(first)
        for key in rest:
            if value.__class__ is not dict:
                return missing
            value = value.get(key, missing)
        return value

    return walk


def json_text(value: Any) -> str:
    """Return *value* as compact JSON, keys in their order."""
    return msgspec.json.encode(value).decode()


#: What JSON must have for a value of these families; anything else is absent, whatever the record's author had in mind.
_FITTING = {Family.NUMBER: (int, float), Family.BOOL: (bool,)}


def _path_getter(path: str, family: Family) -> Getter:
    walk = at(path)
    fitting = _FITTING.get(family)

    def get(event: Any, arg: Arg) -> Any:
        value = walk(event.record)
        if value is None or isinstance(value, str):
            return value if fitting is None else None
        if family is Family.STRING:
            return json_text(value)
        return value if fitting is None or value.__class__ in fitting else None

    return get
