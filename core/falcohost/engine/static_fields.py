"""The fields ``static.*``: the configuration gives their values (``static_fields``), the same for every event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from falcohost.fields import Arg, Field, FieldType

_PREFIX: Final = "static."

#: What a name can be, so that rules and outputs can use the field.
NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*(\.[a-zA-Z][a-zA-Z0-9_]*)*")


def static_fields(values: Mapping[str, str]) -> tuple[Field, ...]:
    """Return a field ``static.NAME`` for each name in *values*."""
    return tuple(_field(name, value) for name, value in values.items())


def is_static(field: Field) -> bool:
    """Tell whether *field* is such a field, which reads nothing of the event."""
    return field.name.startswith(_PREFIX)


def _field(name: str, value: str) -> Field:
    def get(event: Any, arg: Arg) -> str:
        return value

    return Field(
        name=f"{_PREFIX}{name}",
        type=FieldType.CHARBUF,
        description=f"The value of static_fields.{name} in the configuration.",
        get=get,
        suggested=True,
    )
