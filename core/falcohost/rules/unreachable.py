"""Finds conditions that cannot be true, or are evaluated for too many event types; both get a load warning."""

from __future__ import annotations

from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, Not, Or, fields
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


def never_fires(expr: Expr, types: frozenset[str] | None, produced: frozenset[str] | None) -> str:
    """Return why a rule can never fire; "" if it may.

    :param types: the event types that it is for; None: any.
    :param produced: the event types that the source has; None: not known.
    """
    if types and produced and not types & produced:
        *others, last = sorted(types)
        return f"no event has the type {', '.join(others)} or {last}" if others else f"no event has the type {last}"
    if _without_absent(expr) is False:
        names = sorted({ref.field.name for ref in fields(expr) if ref.field.absent})
        return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} absent in every event"
    return ""


def _without_absent(expr: Expr) -> bool | None:
    """Return the constant value of *expr*, given that checks of absent fields never hold; None: it is not constant."""
    match expr:
        case Not():
            value = _without_absent(expr.item)
            return None if value is None else not value
        case And() | Or():
            values = {_without_absent(item) for item in expr.items}
            decisive = isinstance(expr, Or)
            return decisive if decisive in values else None if None in values else not decisive
        case _:
            return False if isinstance(expr.left, FieldRef) and expr.left.field.absent else None


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
