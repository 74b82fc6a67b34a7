"""The IR: a condition whose fields are resolved and whose constants have the types of their fields.

Built by :mod:`falcohost.engine.typecheck` from the tree of :mod:`falcohost.lang`, read by code generation, by the
index, by the plan and by every push-down. Frozen and hashable, so that equal sub-conditions are found by equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TypeAlias

from falcohost.fields import Arg, Field

#: A condition with its macros may nest this deep; the passes over it recurse.
MAX_DEPTH = 200


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field with its parsed argument; *text* is the spelling in the rule (``proc.aname[2]``).

    References that read the same value are equal, whatever their spelling (``proc.args[0]``, ``proc.args[00]``).
    """

    field: Field
    arg: Arg
    text: str = dataclass_field(compare=False)

    def __hash__(self) -> int:
        """Hash name and argument only; hashing the whole Field would be slow."""
        return hash((self.field.name, self.arg))


@dataclass(frozen=True, slots=True)
class Const:
    """A constant inside a transformer's arguments."""

    value: str | int


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list literal inside a transformer's arguments: ``join(",", (fd.name, "x"))``."""

    items: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Transform:
    """``tolower(f)``, ``b64(f)``, ``len(f)``, ``join(sep, l)``, ``concat(a, b)``, ``getopt(l, s)[c]`` and the like."""

    name: str
    args: tuple[Operand, ...]
    arg: str | None = None


Operand: TypeAlias = FieldRef | Const | ListOf | Transform

#: A constant of a check: str for texts and globs, bytes for buffers, int, float, bool,
#: ipaddress.IPv4Address/IPv6Address, ipaddress.IPv4Network/IPv6Network.
Value: TypeAlias = object


@dataclass(frozen=True, slots=True)
class Check:
    """``left op right``. False when *left* (or a right-hand field) is absent, whatever the operator.

    :ivar op: one of ``= != < <= > >= contains icontains bcontains startswith bstartswith endswith glob iglob regex in
        intersects pmatch`` (``==`` is written ``=``).
    :ivar right: a single value, a tuple of values (list operators and modifiers), or an operand (``val(f)``).
    :ivar modifier: ``oneof``, ``anyof``, ``allof`` or None.
    """

    left: FieldRef | Transform
    op: str
    right: Value | tuple[Value, ...] | Operand
    modifier: str | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """``left exists``: the field has a value."""

    left: FieldRef | Transform


@dataclass(frozen=True, slots=True)
class Unanswered(Exists):
    """True while the value of *left*, a field of a lookup, is not known yet. Not in rules; added by the matcher."""


@dataclass(frozen=True, slots=True)
class Not:
    """``not item``: plain inversion, so it is true if a check is false because a value is absent."""

    item: Expr


@dataclass(frozen=True, slots=True)
class And:
    """All of *items*, evaluated left to right with short circuit. Never nested directly. Without items: true."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of *items*, evaluated left to right with short circuit. Never nested directly. Without items: false."""

    items: tuple[Expr, ...]


Expr: TypeAlias = Check | Exists | Not | And | Or


def checks(expr: Expr) -> Iterator[Check | Exists]:
    """Yield the leaves of *expr*, left to right."""
    pending: list[Expr] = [expr]
    while pending:
        item = pending.pop()
        if isinstance(item, (And, Or)):
            pending.extend(reversed(item.items))
        elif isinstance(item, Not):
            pending.append(item.item)
        else:
            yield item


def operand_fields(operand: object) -> Iterator[FieldRef]:
    """Yield the fields that *operand* reads, left to right; a constant reads none."""
    if isinstance(operand, FieldRef):
        yield operand
    elif isinstance(operand, (Transform, ListOf)):
        for item in operand.args if isinstance(operand, Transform) else operand.items:
            yield from operand_fields(item)


def fields(expr: Expr) -> Iterator[FieldRef]:
    """Yield the fields that *expr* reads, left to right, with repetitions."""
    for check in checks(expr):
        yield from operand_fields(check.left)
        if isinstance(check, Check):
            yield from operand_fields(check.right)
