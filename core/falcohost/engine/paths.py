"""Reads field values: through the field's getter, or by a JSON path into the event's record.

An event whose fields have paths holds its decoded JSON in the attribute ``record``. If a string field finds another
JSON type (a number, an object), its value is the compact JSON, as in Falco's plugins.

A path is a sequence of keys with dots between them: ``actor.displayName``. A key with special characters is a JSON
string in brackets: ``annotations["authorization.k8s.io/decision"]``. Paths have no indexes into lists.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec

from falcohost.errors import PluginError
from falcohost.fields import Arg, Family, Field

Getter: TypeAlias = Callable[[Any, Arg], Any]


class _Absent(enum.Enum):
    """The type of :data:`ABSENT`."""

    ABSENT = "absent"


#: The result of :func:`lookup` for a value that is not present; None means JSON's null.
ABSENT: Final = _Absent.ABSENT

_KEY = re.compile(r'\.?([^.\[\]"]+)|\[("(?:[^"\\]|\\.)*")\]')


def getter(field: Field) -> Getter:
    """Return the function that reads *field* from an event.

    :raises PluginError: the field has neither a getter nor a path.
    """
    if field.get is not None:
        return field.get
    if field.path is None:
        raise PluginError(f"field {field.name} has neither a getter nor a path")
    return _path_getter(field.path, field.type.family)


def path_keys(path: str) -> tuple[str, ...]:
    """Split *path* into its keys.

    :raises PluginError: *path* is not a valid path.
    """
    keys: list[str] = []
    at = 0
    while at < len(path):
        match = _KEY.match(path, at)
        if match is None or (match[0].startswith(".") and at == 0):
            raise PluginError(
                f'{path!r} is not a JSON path: write keys with dots between them, and other keys in brackets as ["a.b"]'
            )
        keys.append(match[1] if match[2] is None else msgspec.json.decode(match[2], type=str))
        at = match.end()
    if not keys:
        raise PluginError("an empty string is not a JSON path")
    return tuple(keys)


def at(path: str) -> Callable[[Any], Any]:
    """Return the function from a record to its value at *path*, or None.

    :raises PluginError: *path* is not a valid path.
    """
    return _walk(path_keys(path), None)


def lookup(path: str) -> Callable[[Any], Any]:
    """Return the function from a record to its value at *path*, or :data:`ABSENT`.

    :raises PluginError: *path* is not a valid path.
    """
    return _walk(path_keys(path), ABSENT)


class Place(NamedTuple):
    """Where a getter finds its value.

    :ivar keys: the keys that lead to it from an event's record.
    :ivar read: returns the value from what is there and the argument; None: a text is the value, and of anything else
        the getter itself makes one.
    """

    keys: tuple[str, ...]
    read: Callable[[Any, Arg], Any] | None = None


def text_getter(path: str, other: Callable[[Any], str | None] | None = None) -> Getter:
    """Return the getter of a text field at *path*.

    :param other: returns what null and values of other types are shown as; default: as JSON.
    :raises PluginError: *path* is not a valid path.
    """
    place = Place(path_keys(path))
    walk, shown = _walk(place.keys, ABSENT), other or json_text

    def get(event: Any, arg: Arg) -> str | None:
        value = walk(event.record)
        if value.__class__ is str:
            return value
        return None if value is ABSENT else shown(value)

    return placed(get, lambda arg: place)


def value_getter(path: str, read: Callable[[Any, Arg], Any]) -> Getter:
    """Return the getter of what *read* makes of the value at *path* and the argument; None if nothing is there.

    :raises PluginError: *path* is not a valid path.
    """
    place = Place(path_keys(path), read)
    walk = _walk(place.keys, ABSENT)

    def get(event: Any, arg: Arg) -> Any:
        value = walk(event.record)
        return None if value is ABSENT else read(value, arg)

    return placed(get, lambda arg: place)


def placed(get: Getter, place: Callable[[Arg], Place | None]) -> Getter:
    """Say where *get* finds its value, for which generated code then need not call it; where nothing is, it is None."""
    get.place = place  # type: ignore[attr-defined]
    return get


def place_of(get: Getter, arg: Arg) -> Place | None:
    """Return where *get* finds the value for *arg*, if it is known."""
    place = getattr(get, "place", None)
    return None if place is None else cast("Place | None", place(arg))


#: From a text to what returns whether the value of an event surely differs from it.
Unlike: TypeAlias = Callable[[str], Callable[[Any], bool]]


def told_apart(get: Getter, unlike: Unlike) -> Getter:
    """Say that *unlike* returns what tells whether a value surely differs from a text, which takes less than *get*."""
    get.unlike = unlike  # type: ignore[attr-defined]
    return get


def unlike_of(get: Getter) -> Unlike | None:
    """Return what tells that the value of *get* surely differs from a text, if there is something."""
    return cast("Unlike | None", getattr(get, "unlike", None))


def _walk(keys: tuple[str, ...], missing: Any) -> Callable[[Any], Any]:
    first, *rest = keys
    if not rest:
        return lambda record: record.get(first, missing)
    if len(rest) == 1:  # most paths have two or three keys; a loop takes half as long again
        last = rest[0]

        def step(record: Any) -> Any:
            value = record.get(first)
            return value.get(last, missing) if value.__class__ is dict else missing

        return step

    if len(rest) == 2:
        second, third = rest

        def two_steps(record: Any) -> Any:
            value = record.get(first)
            if value.__class__ is dict and (below := value.get(second)).__class__ is dict:
                return below.get(third, missing)
            return missing

        return two_steps

    def walk(record: Any) -> Any:
        value = record.get(first)
        for key in rest:
            if value.__class__ is not dict:
                return missing
            value = value.get(key, missing)
        return value

    return walk


def json_text(value: Any) -> str:
    """Return *value* as compact JSON, with keys in their original order."""
    return msgspec.json.encode(value).decode()


#: The JSON types of values of these families; a value of any other type counts as absent.
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

    place = Place(path_keys(path))
    return placed(get, lambda arg: place) if family is Family.STRING else get
