"""Decodes the rows of :mod:`falcohost.engine.codec.rows` to a ruleset, with the fields that exist now.

Rows are not trusted: fields are resolved by name, and operators, constants and transformers are checked like those of a
rule. Rows that were tampered with give either a ruleset that could have been written as rules, or an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.codec.constants import reader
from falcohost.engine.codec.rows import (
    AndRow,
    CheckRow,
    CodecError,
    ConstRow,
    ExistsRow,
    ExprRow,
    FieldRow,
    ListRow,
    NotRow,
    OperandRow,
    OrRow,
    PairRow,
    RuleRow,
    RulesetRow,
    SourceRow,
    TemplateRow,
)
from falcohost.engine.ir import (
    MAX_DEPTH,
    And,
    Check,
    Const,
    Exists,
    Expr,
    FieldRef,
    ListOf,
    Not,
    Operand,
    Or,
    Transform,
    Value,
)
from falcohost.engine.operandcheck import check_pair, transformed
from falcohost.engine.operands import ValueType, value_type
from falcohost.engine.operators import refusal
from falcohost.engine.regexes import check_regex
from falcohost.engine.ruleset import Rule, Ruleset
from falcohost.engine.template import Template
from falcohost.engine.tokens import MAX_WIDTH, Token
from falcohost.engine.values import ValueTextError

#: Most checks of a condition. Since rows can share other rows, a few rows could otherwise expand without limit.
MAX_CHECKS = 100_000

_LIST_OPERATORS = frozenset(("in", "intersects", "pmatch"))
_UNMODIFIED = _LIST_OPERATORS | {"<", "<=", ">", ">="}


def ruleset(row: RulesetRow, catalogs: Mapping[str, Catalog]) -> Ruleset:
    """Return the ruleset in *row*, with the fields of *catalogs*.

    :raises CodecError: *row* is not a valid ruleset.
    """
    try:
        pools = {source.name: _Pools(source, catalogs[source.name]) for source in row.sources}
        types = [frozenset(names) for names in row.event_types]
        return Ruleset(tuple(_rule(rule, pools[rule.source], types) for rule in row.rules))
    except (IndexError, KeyError) as error:
        raise CodecError(f"there is no {error}") from None
    except (TypeCheckError, ValueTextError) as error:
        raise CodecError(str(error)) from None


def condition(row: SourceRow, catalog: Catalog) -> Expr:
    """Return the condition in *row*, with the fields of *catalog*.

    :raises CodecError: *row* is not a valid condition.
    """
    try:
        return _Pools(row, catalog).exprs[-1]
    except (IndexError, TypeCheckError, ValueTextError) as error:
        raise CodecError(str(error)) from None


def _rule(row: RuleRow, pools: _Pools, types: list[frozenset[str]]) -> Rule:
    return Rule(
        name=row.name,
        source=row.source,
        priority=row.priority,
        tags=row.tags,
        description=row.description,
        condition=pools.exprs[row.condition],
        output=_template(row.output, pools),
        event_types=None if row.event_types is None else types[row.event_types],
        enabled=row.enabled,
        file=row.file,
        exceptions=row.exceptions,
        actions=row.actions,
        capture=row.capture,
        capture_duration=row.capture_duration,
    )


def _template(row: TemplateRow, pools: _Pools, *, inner: bool = False) -> Template:
    parts = tuple(part if isinstance(part, str) else pools.token(part.operand, part.width) for part in row.parts)
    if inner and row.extra:
        raise CodecError("a template inside a template has no further ones")
    extra: list[tuple[str, Operand | Template]] = []
    for one in row.extra:
        if one.template is not None and one.operand is None:
            extra.append((one.name, _template(one.template, pools, inner=True)))
        elif one.operand is not None and one.template is None:
            extra.append((one.name, pools.left(one.operand)))
        else:
            raise CodecError(f"{one.name} is made of one thing")
    return Template(row.text, parts, tuple(extra))


class _Pools:
    """The decoded rows of one source, by number.

    :ivar exprs: conditions and their parts.
    """

    def __init__(self, row: SourceRow, catalog: Catalog) -> None:
        self._catalog = catalog
        self._operands: list[Operand] = []
        self._operand_depths: list[int] = []
        self._tokens: dict[tuple[int, int], Token] = {}
        self.exprs: list[Expr] = []
        self._depths: list[int] = []
        self._checks: list[int] = []
        for operand in row.operands:
            self._operands.append(self._operand(operand))
        for expr in row.exprs:
            self._add(expr)

    def left(self, number: int) -> FieldRef | Transform:
        """Return an operand that is allowed on the left of an operator, or in an output."""
        operand = self._operands[number]
        if not isinstance(operand, (FieldRef, Transform)):
            raise CodecError("a constant is not allowed on the left side")
        return operand

    def token(self, number: int, width: int) -> Token:
        """Return the placeholder in a template for that operand, in a column of *width*."""
        token = self._tokens.get((number, width))
        if token is None:
            if width > MAX_WIDTH:
                raise CodecError(f"a column of width {width} is too wide")
            token = self._tokens[number, width] = Token(self.left(number), width)
        return token

    def _operand(self, row: OperandRow) -> Operand:
        match row:
            case FieldRow():
                self._operand_depths.append(1)
                return self._absent(row.name) if row.absent else self._catalog.resolve(row.name, row.arg)
            case ConstRow():
                self._operand_depths.append(1)
                return Const(row.value)
            case ListRow():
                return ListOf(self._operand_items(row.items))
        args = self._operand_items(row.args)
        if not args:
            raise CodecError(f"{row.name} has no arguments")
        return transformed(row.name, args, row.arg)

    def _absent(self, name: str) -> FieldRef:
        ref = self._catalog.absent(name)
        if ref is None:
            raise CodecError(f"'{name}' needs no argument")
        return ref

    def _operand_items(self, numbers: Iterable[int]) -> tuple[Operand, ...]:
        items = tuple(self._operands[number] for number in numbers)
        self._operand_depths.append(_deeper(self._operand_depths[number] for number in numbers))
        return items

    def _add(self, row: ExprRow) -> None:
        expr, depth, checks = self._expr(row)
        if checks > MAX_CHECKS:
            raise CodecError(f"a condition has more than {MAX_CHECKS} checks")
        self.exprs.append(expr)
        self._depths.append(depth)
        self._checks.append(checks)

    def _expr(self, row: ExprRow) -> tuple[Expr, int, int]:
        """Return the decoded *row*, its depth and its number of checks."""
        match row:
            case CheckRow():
                return self._check(row), 1, 1
            case PairRow():
                return self._pair(row), 1, 1
            case ExistsRow():
                return Exists(self.left(row.left)), 1, 1
            case NotRow():
                return Not(self.exprs[row.item]), _deeper((self._depths[row.item],)), self._checks[row.item]
            case AndRow():
                return self._chain(row.items, And)
            case OrRow():
                return self._chain(row.items, Or)

    def _chain(self, numbers: tuple[int, ...], kind: Callable[[tuple[Expr, ...]], And | Or]) -> tuple[Expr, int, int]:
        items = tuple(self.exprs[number] for number in numbers)
        if any(isinstance(item, kind) for item in items):  # type: ignore[arg-type]
            raise CodecError(f"{kind} is nested in itself")
        depth = _deeper(self._depths[number] for number in numbers)
        return kind(items), depth, sum(self._checks[number] for number in numbers)

    def _pair(self, row: PairRow) -> Check:
        left, right = self.left(row.left), self._operands[row.right]
        _check_operator(row.op, None, value_type(left))
        check_pair(left, row.op, right)
        return Check(left, row.op, right)

    def _check(self, row: CheckRow) -> Check:
        left = self.left(row.left)
        kind = value_type(left)
        _check_operator(row.op, row.modifier, kind)
        several = row.modifier is not None or row.op in _LIST_OPERATORS
        if not several and len(row.right) != 1:
            raise CodecError(f"{row.op} has one constant")
        if row.modifier is not None and row.op in _UNMODIFIED:
            raise CodecError(f"{row.op} has no modifier")
        values = tuple(map(reader(row.op, kind), row.right))
        _check_values(left, row.op, values)
        return Check(left, row.op, values if several else values[0], row.modifier)


def _deeper(depths: Iterable[int]) -> int:
    depth = 1 + max(depths, default=0)
    if depth > MAX_DEPTH:
        raise CodecError(f"something is nested more than {MAX_DEPTH} deep")
    return depth


def _check_operator(op: str, modifier: str | None, kind: ValueType) -> None:
    reason = refusal(op, modifier, kind.kind, kind.is_list)
    if reason is not None:
        raise CodecError(reason)


def _check_values(left: FieldRef | Transform, op: str, values: tuple[Value, ...]) -> None:
    """Check constants with the field's or the operator's own check."""
    ask = left.field.check_value if isinstance(left, FieldRef) else None
    if ask is None and op != "regex":
        return
    for value in values:
        text = str(value)
        if op == "regex":
            check_regex(text)
        complaint = ask(text) if ask is not None and isinstance(value, str) else None
        if complaint is not None:
            raise CodecError(complaint)
