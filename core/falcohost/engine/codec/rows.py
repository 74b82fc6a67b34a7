"""The form of a compiled ruleset on disk: typed rows of plain data, without any code.

Each source has pools of rows. A row refers to its parts by the numbers of earlier rows in its pool, so that equal
sub-conditions are stored once and cycles are impossible. :mod:`falcohost.engine.codec.encode` writes rows,
:mod:`falcohost.engine.codec.decode` reads them without trusting them.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from falcohost.alert import Priority
from falcohost.engine.ruleset import BoundAction

#: The number of a row in its pool.
Index: TypeAlias = Annotated[int, Meta(ge=0)]


class CodecError(ValueError):
    """Rows are not a ruleset, or a ruleset cannot be written as rows."""


class _Row(Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    pass


class BytesRow(_Row):
    """A constant that is not text: a buffer, an address, or a network with its length as the last byte."""

    value: bytes


#: A constant.
Plain: TypeAlias = bool | int | float | str | BytesRow

Modifier: TypeAlias = Literal["oneof", "anyof", "allof"]


class FieldRow(_Row, tag=0):
    """A field as a rule writes it, with the argument in brackets unquoted.

    *absent*: an output asks for it without the argument that it needs, so that it has no value.
    """

    name: str
    arg: str | None
    absent: bool = False


class ConstRow(_Row, tag=1):
    """:class:`~falcohost.engine.ir.Const`."""

    value: str | int


class ListRow(_Row, tag=2):
    """:class:`~falcohost.engine.ir.ListOf`."""

    items: tuple[Index, ...]


class TransformRow(_Row, tag=3):
    """:class:`~falcohost.engine.ir.Transform`."""

    name: str
    args: tuple[Index, ...]
    arg: str | None


OperandRow: TypeAlias = FieldRow | ConstRow | ListRow | TransformRow


class CheckRow(_Row, tag=0):
    """A :class:`~falcohost.engine.ir.Check` against constants; a single constant is a list of one."""

    left: Index
    op: str
    right: tuple[Plain, ...]
    modifier: Modifier | None


class PairRow(_Row, tag=1):
    """A :class:`~falcohost.engine.ir.Check` against an operand."""

    left: Index
    op: str
    right: Index


class ExistsRow(_Row, tag=2):
    """:class:`~falcohost.engine.ir.Exists`."""

    left: Index


class NotRow(_Row, tag=3):
    """:class:`~falcohost.engine.ir.Not`."""

    item: Index


class AndRow(_Row, tag=4):
    """:class:`~falcohost.engine.ir.And`."""

    items: tuple[Index, ...]


class OrRow(_Row, tag=5):
    """:class:`~falcohost.engine.ir.Or`."""

    items: tuple[Index, ...]


ExprRow: TypeAlias = CheckRow | PairRow | ExistsRow | NotRow | AndRow | OrRow


class TokenRow(_Row):
    """:class:`~falcohost.engine.tokens.Token`."""

    operand: Index
    width: Index


class ExtraRow(_Row):
    """A value only for the JSON: an operand, or a template that has no such values itself."""

    name: str
    operand: Index | None
    template: TemplateRow | None


class TemplateRow(_Row):
    """:class:`~falcohost.engine.template.Template`."""

    text: str
    parts: tuple[str | TokenRow, ...]
    extra: tuple[ExtraRow, ...]


class RuleRow(_Row):
    """:class:`~falcohost.engine.ruleset.Rule`; *condition* and *event_types* are numbers."""

    name: str
    source: str
    priority: Priority
    tags: tuple[str, ...]
    description: str
    condition: Index
    output: TemplateRow
    event_types: Index | None
    enabled: bool
    file: str
    exceptions: tuple[str, ...]
    actions: tuple[BoundAction, ...]
    capture: bool
    capture_duration: int


class SourceRow(_Row):
    """The pools of one source."""

    name: str
    operands: tuple[OperandRow, ...]
    exprs: tuple[ExprRow, ...]


class RulesetRow(_Row):
    """:class:`~falcohost.engine.ruleset.Ruleset`; *event_types* are the sets that rules refer to by number."""

    sources: tuple[SourceRow, ...]
    event_types: tuple[tuple[str, ...], ...]
    rules: tuple[RuleRow, ...]
