"""Finds conditions that cannot be true, or are evaluated for too many event types; both get a load warning."""

from __future__ import annotations

from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, Not, Or
from falcohost.lang.tree import AndNode, CheckNode, FieldNode, Node, NotNode, OrNode, ValueNode

_TOO_MANY = 100


def never_matches(tree: Node) -> bool:
    """Return whether *tree* needs ``evt.dir = >``, which no event has: there are no enter events."""
    return _value(tree) is False


def _value(node: Node) -> bool | None:
    """Return the constant value of *node*, given that ``evt.dir`` is always ``<``; None if it is not constant."""
    match node:
        case NotNode():
            value = _value(node.item)
            return None if value is None else not value
        case AndNode() | OrNode():
            values = {_value(item) for item in node.items}
            decisive = isinstance(node, OrNode)
            if decisive in values:
                return decisive
            return None if None in values else not decisive
        case CheckNode(FieldNode("evt.dir"), op, ValueNode(text), None) if op in ("=", "==", "!="):
            return (text == "<") is (op != "!=")
        case _:
            return None


def too_many_event_types(expr: Expr) -> bool:
    """Return whether *expr* can hold for any type of event, or for more than 100, or for none."""
    types = event_types(expr)
    if types is not None and not types:
        # The engine knows, for example, that evt.num is never 0; Falco 0.44 does not.
        types = event_types(_without_numbers(expr))
    return types is None or not types or len(types) > _TOO_MANY


def _without_numbers(expr: Expr) -> Expr:
    match expr:
        case Not():
            return Not(_without_numbers(expr.item))
        case And() | Or():
            return type(expr)(tuple(map(_without_numbers, expr.items)))
        case Check(FieldRef() as left) if left.field.name == "evt.num":
            return Exists(left)
        case _:
            return expr
