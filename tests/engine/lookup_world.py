"""The event source of ``world`` with a lookup: it fills some of its fields, and adds others."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from generated import event, wanted
from world import FIELDS, Happening, row

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.ir import Expr, FieldRef
from falcohost.engine.lookup_fields import LookupField, added, by_argument, filling
from falcohost.fields import ArgKind, Field, FieldType
from falcohost.lookups import PENDING, Key

#: Fields of the source that the lookup fills.
FILLED = ("s.text", "s.path", "s.key", "n.uint64", "b.flag", "buf.data", "ip.addr", "l.texts", "any.name", "end.ip")


#: Fields that are found by a field in brackets, by that; the second by what is in a row itself.
NAMED = {"s.other": "row.key", "n.int32": "row.owner"}


class Rows:
    """The rows by key, each a dictionary, or PENDING."""

    name = "rows"

    def __init__(self) -> None:
        self.rows: dict[Key, Any] = {}

    def find(self, key: Key) -> Any:
        """Return a row; where the key has the name of the field, or comes from a row, it is the same one."""
        return self.rows.get(key if len(key) == 1 else (1,))


ROWS = Rows()
KEY = Catalog("test", (row("row.key", FieldType.UINT64),)).resolve("row.key")


def reader(name: str) -> Any:
    """Return what reads the value of the field *name* in a row."""
    return lambda found, arg: found.get(name if arg is None else (name, arg))


def _field(one: Field) -> Field:
    if one.name in NAMED:
        row = replace(one, get=reader(one.name), path=None)
        made = by_argument(row, ROWS, {"row.key": KEY, "row.owner": FieldRef(OWNER, None, "row.owner")}.__getitem__)
        assert made.variant is not None
        return made.variant(NAMED[one.name])
    return filling(one, ROWS, (KEY,), reader(one.name)) if one.name in FILLED else one


OWNER = added(
    Field(name="row.owner", type=FieldType.CHARBUF, description="owner", get=reader("row.owner")), ROWS, (KEY,)
)
LABEL = added(
    Field(
        name="row.label", type=FieldType.CHARBUF, description="label", get=reader("row.label"), arg=ArgKind.KEY,
        arg_required=True,
    ),
    ROWS,
    (KEY,),
)  # fmt: skip

CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *map(_field, FIELDS), OWNER, LABEL))


def looked_up_event(random: Random, exprs: list[Expr], state: float | None = None) -> Happening:
    """Return an event of which some values are in a row, which is there, pending, or nowhere.

    :param state: below 0.4 the row is pending, below 0.9 it is there; None: by chance.
    """
    happening = event(random, exprs)
    found: dict[Any, Any] = {}
    for ref in wanted(exprs):
        name = ref.field.name if ref.arg is None else (ref.field.name, ref.arg)
        if isinstance(ref.field, LookupField) and name in happening.values and random.random() < 0.7:
            found[name] = happening.values.pop(name)
    if random.random() < 0.8:
        found["row.owner"] = "ann"
    state = random.random() if state is None else state
    ROWS.rows = {(1,): PENDING if state < 0.4 else found} if state < 0.9 else {}
    if random.random() < 0.95:
        happening.values["row.key"] = 1
    return happening


def answered(random: Random, exprs: list[Expr], happening: Happening) -> None:
    """Have the row of an event come, if it was pending: with values by chance, or as none."""
    if ROWS.rows.get((1,)) is PENDING:
        ROWS.rows = {(1,): event(random, exprs).values} if random.random() < 0.8 else {}
