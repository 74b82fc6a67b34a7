"""Converts the tree of a condition to IR: resolves fields, checks operators, parses constants as their field's type.

Macros are already expanded. What Falco refuses is refused with Falco's message, except where falcohost is more lenient
on purpose (text operators on addresses, Perl's classes in a regex); these get a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from msgspec import Struct

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ir import MAX_DEPTH, And, Check, Exists, Expr, FieldRef, Not, Operand, Or, Transform, Value
from falcohost.engine.operandcheck import check_left, check_operand, check_pair
from falcohost.engine.operands import ValueType, value_type
from falcohost.engine.operators import compares_text, refusal
from falcohost.engine.regexes import check_regex
from falcohost.engine.remarks import Remark, constant_remarks, kindness_remark, may_be_remarked, tree_remarks
from falcohost.engine.values import ValueTextError, parse_hex, parse_value
from falcohost.fields import FieldType
from falcohost.lang.depth import depth
from falcohost.lang.tree import (
    AndNode,
    CheckNode,
    FieldNode,
    IdentifierNode,
    ListNode,
    Node,
    NotNode,
    OrNode,
    TransformNode,
    ValueNode,
)


@dataclass(frozen=True, slots=True)
class CheckedCondition:
    """A checked condition, and warnings about it."""

    expr: Expr
    warnings: tuple[Remark, ...] = ()


def check(node: Node, catalog: Catalog) -> CheckedCondition:
    """Return the IR of the condition *node* over the fields of *catalog*.

    :raises TypeCheckError: it does not fit them; only the first error is reported.
    """
    return TypeChecker(catalog).check(node)


class _Known(Struct, frozen=True):
    """The result for *node*, which is kept alive here so that its id is not reused."""

    node: Node
    expr: Expr
    remarks: tuple[Remark, ...]


#: What a check of a field against one constant consists of.
_Key: TypeAlias = tuple[str, str | None, str, str | None, str]


class TypeChecker:
    """Checks conditions over one catalog.

    Shared macros are checked once: nodes are cached by identity. What rules often repeat is one object: a check of a
    field against one constant, without a remark.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[int, _Known] = {}
        self._checks: dict[_Key | None, Expr] = {}
        self._kinds: dict[tuple[int, str, str | None], tuple[Operand, ValueType]] = {}
        self._remarks: list[Remark] = []
        self._remarked = False  # a check with a warning of tree_remarks was among all conditions

    def check(self, node: Node) -> CheckedCondition:
        """Check one condition; see :func:`check`."""
        if depth(node) > MAX_DEPTH:
            raise TypeCheckError(f"exceeded max depth limit of {MAX_DEPTH}", node.pos)
        self._remarks.clear()
        expr = self._expr(node)
        return CheckedCondition(expr, (*(tree_remarks(node) if self._remarked else ()), *self._remarks))

    def _expr(self, node: Node) -> Expr:
        if node.__class__ is CheckNode and node.right.__class__ is ValueNode:
            return self._check(node)
        known = self._known.get(id(node))
        if known is not None:
            self._remarks += known.remarks
            return known.expr
        before = len(self._remarks)
        expr = self._new_expr(node)
        self._known[id(node)] = _Known(node, expr, tuple(self._remarks[before:]))
        return expr

    def _new_expr(self, node: Node) -> Expr:
        match node:
            case AndNode():
                return self._chain(node, And)
            case OrNode():
                return self._chain(node, Or)
            case NotNode():
                return Not(self._expr(node.item))
            case IdentifierNode():
                raise TypeCheckError(f"filter error: unexpected identifier '{node.name}'", node.pos)
            case CheckNode():
                return self._check(node)

    def _chain(self, node: AndNode | OrNode, kind: type[And] | type[Or]) -> Expr:
        items: list[Expr] = []
        for item in map(self._expr, node.items):
            items.extend(item.items if isinstance(item, kind) else (item,))
        return kind(tuple(items))

    def _check(self, node: CheckNode) -> Expr:
        self._remarked = self._remarked or may_be_remarked(node)
        try:
            return self._checked(node)
        except TypeCheckError as error:
            raise error.at(node.pos) from None

    def _checked(self, node: CheckNode) -> Expr:
        key = _key(node)
        known = self._checks.get(key)
        if known is not None:
            return known
        before = len(self._remarks)
        expr = self._new_check(node)
        if key is not None and len(self._remarks) == before:
            self._checks[key] = expr
        return expr

    def _new_check(self, node: CheckNode) -> Expr:
        left = check_left(node.left, self._catalog)
        if node.right is None:
            return Exists(left)
        op = "=" if node.op == "==" else node.op
        kind = self._kind(left, op, node.modifier)
        if isinstance(node.right, (FieldNode, TransformNode)):
            return Check(left, op, self._right(node.right, left, op), node.modifier)
        return Check(left, op, self._constants(node, left, op, kind), node.modifier)

    def _kind(self, left: FieldRef | Transform, op: str, modifier: str | None) -> ValueType:
        """Return the type of *left*, which *op* has to take."""
        key = (id(left), op, modifier)
        known = self._kinds.get(key)
        if known is not None:
            return known[1]
        kind = value_type(left)
        reason = refusal(op, modifier, kind.kind, kind.is_list)
        if reason is not None:
            raise TypeCheckError(f"filter error: {reason}")
        self._kinds[key] = left, kind
        return kind

    def _right(self, node: FieldNode | TransformNode, left: FieldRef | Transform, op: str) -> Operand:
        right = check_operand(node, self._catalog)
        check_pair(left, op, right)
        return right

    def _constants(self, node: CheckNode, left: Operand, op: str, kind: ValueType) -> Value:
        """Return the constant, or the tuple of constants, on the right of *node*."""
        single = isinstance(node.right, ValueNode) and op not in ("in", "intersects", "pmatch")
        items = _value_nodes(node)
        values = tuple(self._value(item, left, op, kind) for item in items)
        place = node.pos if node.right is None else node.right.pos
        for item in items:
            self._remarks += constant_remarks(item.text, op, place, self._catalog)
        if compares_text(op, kind.kind):
            self._remarks.append(kindness_remark(f"'{op}' compares the text of an address", node.pos))
        return values[0] if single else values

    def _value(self, item: ValueNode, left: Operand, op: str, kind: ValueType) -> Value:
        read = _reader(op, kind)
        try:
            value = read(item.text)
            if op == "regex" and not check_regex(item.text):
                self._remarks.append(kindness_remark(f"regex '{item.text}' has a Perl class", item.pos))
        except ValueTextError as error:
            raise TypeCheckError(str(error), item.pos) from None
        field = left.field if isinstance(left, FieldRef) else None
        complaint = field.check_value(item.text) if field is not None and field.check_value is not None else None
        if complaint is not None:
            raise TypeCheckError(complaint, item.pos, unknown=complaint.startswith("unknown event type"))
        return value


def _key(node: CheckNode) -> _Key | None:
    left, right = node.left, node.right
    if right.__class__ is ValueNode and left.__class__ is FieldNode:
        return left.name, left.arg, node.op, node.modifier, right.text
    return None


def _value_nodes(node: CheckNode) -> list[ValueNode]:
    """Return the constants on the right of *node*; the name of an unknown list is a constant itself."""
    right = node.right
    if isinstance(right, IdentifierNode):
        return [ValueNode(right.name, pos=right.pos)]
    items = right.items if isinstance(right, ListNode) else (right,)
    return [item for item in items if isinstance(item, ValueNode)]


def _reader(op: str, kind: ValueType) -> Callable[[str], Value]:
    """Return the parser of constants that *op* compares with a value of *kind*."""
    if op in ("bcontains", "bstartswith"):
        return parse_hex
    shown = FieldType.CHARBUF if compares_text(op, kind.kind) else kind.kind
    return lambda text: parse_value(text, shown)
