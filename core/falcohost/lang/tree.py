"""The tree of a condition as written: names are not resolved, constants are still strings.

Nodes are frozen and comparable; comparison ignores *pos* (the place in the condition's text).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct


class Pos(Struct, frozen=True):
    """A place in a condition's text: *offset* from 0, *line* and *column* from 1."""

    offset: int = 0
    line: int = 1
    column: int = 1


NOWHERE = Pos()


@dataclass(frozen=True, slots=True)
class FieldNode:
    """``name`` or ``name[arg]``; *arg* is unquoted."""

    name: str
    arg: str | None = None
    pos: Pos = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class ValueNode:
    """A constant: quoted, bare or number. *text* is unescaped."""

    text: str
    quoted: bool = False
    pos: Pos = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list in parentheses: of values in a check; of operands inside a transformer."""

    items: tuple[OperandNode, ...]
    pos: Pos = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class TransformNode:
    """``name(args)[arg]``; ``val(f)`` is one with the name ``val``."""

    name: str
    args: tuple[OperandNode, ...]
    arg: str | None = None
    pos: Pos = field(default=NOWHERE, compare=False)


OperandNode: TypeAlias = FieldNode | ValueNode | ListNode | TransformNode


@dataclass(frozen=True, slots=True)
class CheckNode:
    """``left op [modifier] right``; *right* is None for ``exists``. ``==`` is kept as written."""

    left: FieldNode | TransformNode
    op: str
    right: OperandNode | IdentifierNode | None = None
    modifier: str | None = None
    pos: Pos = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class IdentifierNode:
    """A name without a dot: a macro (as a condition), or a list (after ``in`` and similar operators)."""

    name: str
    pos: Pos = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class NotNode:
    """``not item``."""

    item: Node
    pos: Pos = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class AndNode:
    """``a and b and …``: two or more items."""

    items: tuple[Node, ...]
    pos: Pos = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class OrNode:
    """``a or b or …``: two or more items."""

    items: tuple[Node, ...]
    pos: Pos = field(default=NOWHERE, compare=False)


Node: TypeAlias = CheckNode | IdentifierNode | NotNode | AndNode | OrNode
