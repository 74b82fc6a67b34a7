"""Encodes a ruleset as the rows of :mod:`falcohost.engine.codec.rows`."""

from __future__ import annotations

from typing import cast

import msgspec

from falcohost.engine.catalog import is_absent
from falcohost.engine.codec.constants import to_plain
from falcohost.engine.codec.rows import (
    AndRow,
    CheckRow,
    CodecError,
    ConstRow,
    ExistsRow,
    ExprRow,
    ExtraRow,
    FieldRow,
    ListRow,
    Modifier,
    NotRow,
    OperandRow,
    OrRow,
    PairRow,
    RuleRow,
    RulesetRow,
    SourceRow,
    TemplateRow,
    TokenRow,
    TransformRow,
)
from falcohost.engine.ir import And, Check, Const, Exists, Expr, FieldRef, ListOf, Not, Operand, Or, Transform
from falcohost.engine.ruleset import Rule, Ruleset
from falcohost.engine.template import Template
from falcohost.engine.tokens import Token
from falcohost.lang.printer import operand_to_text
from falcohost.lang.tree import FieldNode


def ruleset_row(ruleset: Ruleset) -> RulesetRow:
    """Return *ruleset* as a row.

    :raises CodecError: it contains something that rows cannot represent.
    """
    pools = {source: _Pools() for source in dict.fromkeys(rule.source for rule in ruleset.rules)}
    types: dict[frozenset[str], int] = {}
    rules = tuple(_rule_row(rule, pools[rule.source], types) for rule in ruleset.rules)
    sources = tuple(SourceRow(name, tuple(pool.operands), tuple(pool.exprs)) for name, pool in pools.items())
    return RulesetRow(sources, tuple(tuple(sorted(names)) for names in types), rules)


def condition_row(source: str, condition: Expr) -> SourceRow:
    """Return *condition* over fields of *source* as a row; its last part is the whole.

    :raises CodecError: it contains something that rows cannot represent.
    """
    pools = _Pools()
    pools.expr(condition)
    return SourceRow(source, tuple(pools.operands), tuple(pools.exprs))


def _rule_row(rule: Rule, pools: _Pools, types: dict[frozenset[str], int]) -> RuleRow:
    return RuleRow(
        name=rule.name,
        source=rule.source,
        priority=rule.priority,
        tags=rule.tags,
        description=rule.description,
        condition=pools.expr(rule.condition),
        output=_template_row(rule.output, pools),
        event_types=None if rule.event_types is None else types.setdefault(rule.event_types, len(types)),
        enabled=rule.enabled,
        file=rule.file,
        exceptions=rule.exceptions,
        actions=rule.actions,
        capture=rule.capture,
        capture_duration=rule.capture_duration,
    )


def _template_row(template: Template, pools: _Pools) -> TemplateRow:
    """Return the row of *template*, which rules may share."""
    row = pools.templates.get(id(template))
    if row is None:
        row = pools.templates[id(template)] = _new_template_row(template, pools)
    return row


def _new_template_row(template: Template, pools: _Pools) -> TemplateRow:
    parts = tuple(
        TokenRow(pools.operand(part.operand), part.width) if isinstance(part, Token) else part
        for part in template.parts
    )
    extra = tuple(
        ExtraRow(name, None, _template_row(made_of, pools))
        if isinstance(made_of, Template)
        else ExtraRow(name, pools.operand(made_of), None)
        for name, made_of in template.extra
    )
    return TemplateRow(template.text, parts, extra)


class _Pools:
    """The rows of one source. Known objects are found by identity first, then by their row."""

    def __init__(self) -> None:
        self.operands: list[OperandRow] = []
        self.exprs: list[ExprRow] = []
        self._operand_numbers: dict[bytes, int] = {}
        self._expr_numbers: dict[bytes, int] = {}
        self._met: dict[int, int] = {}
        self.templates: dict[int, TemplateRow] = {}

    def operand(self, operand: Operand) -> int:
        """Return the number of *operand*."""
        number = self._met.get(id(operand))
        if number is None:
            row = self._operand_row(operand)
            number = self._operand_numbers.setdefault(msgspec.msgpack.encode(row), len(self.operands))
            if number == len(self.operands):
                self.operands.append(row)
            self._met[id(operand)] = number
        return number

    def expr(self, expr: Expr) -> int:
        """Return the number of *expr*."""
        number = self._met.get(id(expr))
        if number is None:
            row = self._expr_row(expr)
            number = self._expr_numbers.setdefault(msgspec.msgpack.encode(row), len(self.exprs))
            if number == len(self.exprs):
                self.exprs.append(row)
            self._met[id(expr)] = number
        return number

    def _operand_row(self, operand: Operand) -> OperandRow:
        match operand:
            case FieldRef():
                return _field_row(operand)
            case Const():
                return ConstRow(operand.value)
            case ListOf():
                return ListRow(tuple(map(self.operand, operand.items)))
            case Transform():
                return TransformRow(operand.name, tuple(map(self.operand, operand.args)), operand.arg)

    def _expr_row(self, expr: Expr) -> ExprRow:
        match expr:
            case Check(right=FieldRef() | Transform() | Const() | ListOf() as right):
                return PairRow(self.operand(expr.left), expr.op, self.operand(right))
            case Check():
                return self._check_row(expr)
            case Exists():
                return ExistsRow(self.operand(expr.left))
            case Not():
                return NotRow(self.expr(expr.item))
            case And():
                return AndRow(tuple(map(self.expr, expr.items)))
            case Or():
                return OrRow(tuple(map(self.expr, expr.items)))

    def _check_row(self, check: Check) -> CheckRow:
        values = check.right if isinstance(check.right, tuple) else (check.right,)
        plain = tuple(map(to_plain, values))
        return CheckRow(self.operand(check.left), check.op, plain, cast("Modifier | None", check.modifier))


def _field_row(ref: FieldRef) -> FieldRow:
    """Return the field as a rule would write it, so that :meth:`Catalog.resolve` returns the same field."""
    name, bracket, rest = ref.text.partition("[")
    arg = None if not bracket else ref.arg if isinstance(ref.arg, str) else rest[:-1]
    if operand_to_text(FieldNode(name, arg)) != ref.text:
        raise CodecError(f"'{ref.text}' is not how a rule names a field")
    return FieldRow(name, arg, is_absent(ref))
