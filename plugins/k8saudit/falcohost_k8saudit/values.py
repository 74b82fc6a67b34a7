"""How this plugin reads a record, as Falco's does: every value is a text, and what is no text is shown as JSON.

A list field that has no members is absent, and so is one in which something else stands than the field expects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from falcohost.jsonlog import ABSENT, json_text


def text(value: Any) -> str | None:
    """Return *value* as text; None if there is none. JSON's null is the text ``null``."""
    if value is ABSENT:
        return None
    return value if isinstance(value, str) else json_text(value)


def texts(values: Iterable[Any]) -> tuple[str, ...] | None:
    """Return the texts of what is there in *values*; None if nothing is."""
    return tuple(text(value) or "" for value in values if value is not ABSENT) or None


def member(value: Any, key: str) -> Any:
    """Return what *value* has under *key*, if it is an object."""
    return value.get(key, ABSENT) if isinstance(value, dict) else ABSENT


def gather(value: Any, index: int | None, *keys: str) -> list[Any] | None:
    """Return the values at *keys* below *value*, going into each array on the way; None if the way breaks off.

    Of an array with an *index* only that element is taken, without one all, and one that lacks the rest of the way
    counts as an absent value.
    """
    for at, key in enumerate(keys):
        if isinstance(value, list):
            if index is None:
                return [found for element in value for found in gather(element, None, *keys[at:]) or (ABSENT,)]
            if index >= len(value):
                return None
            value = value[index]
        value = member(value, key)
        if value is ABSENT:
            return None
    return [value]
