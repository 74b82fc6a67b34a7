"""A condition over the fields of an alert, as plain data. :mod:`falcohost.store.where_code` makes and evaluates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from falcohost.alert import Alert
from falcohost.errors import FalcohostError
from falcohost.fields import ArgKind, FieldType

#: Most bytes of an encoded condition, and most fields in it.
MOST_BYTES: Final = 1 << 15
MOST_FIELDS: Final = 64

Holds: TypeAlias = Callable[[Alert], bool]


class WhereError(FalcohostError):
    """A condition is not one over an alert's fields."""


class WhereField(Struct, frozen=True, array_like=True):
    """A field that the condition reads."""

    name: str
    type: FieldType
    arg: ArgKind
    dotted: bool
    is_list: bool


class Where(Struct, frozen=True):
    """A condition: its fields, and its rows (:mod:`falcohost.engine.codec.rows`) as MessagePack."""

    fields: list[WhereField]
    rows: bytes
