"""The tree of a condition as written: names are not resolved, constants are still strings.

Nodes are frozen and comparable; comparison ignores *pos* (the place in the condition's text).
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class Pos(Struct, frozen=True):
    """A place in a condition's text: *offset* from 0, *line* and *column* from 1."""

    offset: int = 0
    line: int = 1
    column: int = 1


NOWHERE = Pos()


class _Node(Struct, frozen=True, eq=False):
    def __eq__(self, other: object) -> bool:
        return self.__class__ is other.__class__ and self._parts() == other._parts()

    def __ne__(self, other: object) -> bool:  # Struct has one, which would not ask __eq__
        return not self == other

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[object, ...]:
        """Return all but the place."""
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name != "pos")


class FieldNode(_Node, frozen=True, eq=False):
    """``name`` or ``name[arg]``; *arg* is unquoted."""

    name: str
    arg: str | None = None
    pos: Pos = NOWHERE


class ValueNode(_Node, frozen=True, eq=False):
    """A constant: quoted, bare or number. *text* is unescaped."""

    text: str
    quoted: bool = False
    pos: Pos = NOWHERE


class ListNode(_Node, frozen=True, eq=False):
    """A list in parentheses: of values in a check; of operands inside a transformer."""

    items: tuple[OperandNode, ...]
    pos: Pos = NOWHERE


class TransformNode(_Node, frozen=True, eq=False):
    """``name(args)[arg]``; ``val(f)`` is one with the name ``val``."""

    name: str
    args: tuple[OperandNode, ...]
    arg: str | None = None
    pos: Pos = NOWHERE


OperandNode: TypeAlias = FieldNode | ValueNode | ListNode | TransformNode


class CheckNode(_Node, frozen=True, eq=False):
    """``left op [modifier] right``; *right* is None for ``exists``. ``==`` is kept as written."""

    left: FieldNode | TransformNode
    op: str
    right: OperandNode | IdentifierNode | None = None
    modifier: str | None = None
    pos: Pos = NOWHERE


class IdentifierNode(_Node, frozen=True, eq=False):
    """A name without a dot: a macro (as a condition), or a list (after ``in`` and similar operators)."""

    name: str
    pos: Pos = NOWHERE


class NotNode(_Node, frozen=True, eq=False):
    """``not item``."""

    item: Node
    pos: Pos = NOWHERE


class AndNode(_Node, frozen=True, eq=False):
    """``a and b and …``: two or more items."""

    items: tuple[Node, ...]
    pos: Pos = NOWHERE


class OrNode(_Node, frozen=True, eq=False):
    """``a or b or …``: two or more items."""

    items: tuple[Node, ...]
    pos: Pos = NOWHERE


Node: TypeAlias = CheckNode | IdentifierNode | NotNode | AndNode | OrNode
