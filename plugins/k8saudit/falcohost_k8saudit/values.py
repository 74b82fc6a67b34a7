"""Reads values from a record as Falco's plugin does: every value is a text, and other types are shown as JSON.

A list field without members is absent, and so is one whose path holds something of another type.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from falcohost.jsonlog import ABSENT, json_text


def text(value: Any) -> str | None:
    """Return *value* as text, or None if it is absent. JSON's null becomes the text ``null``."""
    if value.__class__ is str:
        return value
    if value.__class__ is bool:
        return "true" if value else "false"
    return None if value is ABSENT else json_text(value)


def texts(values: Iterable[Any]) -> tuple[str, ...] | None:
    """Return the texts of the present *values*, or None if there are none."""
    return tuple([text(value) or "" for value in values if value is not ABSENT]) or None


def member(value: Any, key: str) -> Any:
    """Return the member *key* of *value*, if that is an object."""
    return value.get(key, ABSENT) if isinstance(value, dict) else ABSENT


def gather(value: Any, index: int | None, *keys: str) -> list[Any] | None:
    """Return the values at *keys* below *value*, through every array on the way; None if the path ends early.

    With an *index* only that element of an array is used, else all. An element that lacks the rest of the path counts
    as an absent value.
    """
    for at, key in enumerate(keys):
        if isinstance(value, list):
            if index is None:
                rest = keys[at:]
                return [found for element in value for found in _below(element, rest)]
            if index >= len(value):
                return None
            value = value[index]
        value = member(value, key)
        if value is ABSENT:
            return None
    return [value]


def _below(value: Any, keys: tuple[str, ...]) -> Sequence[Any]:
    """Return the values at *keys* below an element of an array; an absent one if it lacks the path."""
    for at, key in enumerate(keys):
        if value.__class__ is not dict:
            return gather(value, None, *keys[at:]) or _NOTHING
        value = value.get(key, ABSENT)
        if value is ABSENT:
            return _NOTHING
    return (value,)


_NOTHING = (ABSENT,)
