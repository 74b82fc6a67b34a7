"""Where a field's value comes from: its own getter, or a JSON path into the event's record.

An event whose fields have paths carries its decoded JSON as the attribute ``record``. A text that the JSON holds as
something else (a number, an object) is shown as compact JSON, as Falco's plugins do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from falcohost.errors import PluginError
from falcohost.fields import Arg, Family, Field

Getter: TypeAlias = Callable[[Any, Arg], Any]


def getter(field: Field) -> Getter:
    """Return the function that reads *field* from an event.

    :raises PluginError: the field has neither a getter nor a path.
    """
    if field.get is not None:
        return field.get
    if field.path is None:
        raise PluginError(f"field {field.name} says neither how to get its value nor at which path it is")
    return _path_getter(field.path, field.type.family is Family.STRING)


def _path_getter(path: str, text: bool) -> Getter:
    keys = path.split(".")

    def get(event: Any, arg: Arg) -> Any:
        value = event.record
        for key in keys:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        if value is None or not text or isinstance(value, str):
            return value
        return msgspec.json.encode(value).decode()

    return get
