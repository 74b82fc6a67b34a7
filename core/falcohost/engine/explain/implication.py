"""Whether one condition implies another, as far as that can be proved from their shape and their constants.

A condition with more ``and`` or less ``or`` implies the other; what equals one of a few values is one of more values,
and begins with what those begin with. That there is no proof says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from falcohost.engine.code.predicates import predicate
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, ListOf, Not, Operand, Or, Transform
from falcohost.engine.operands import value_type
from falcohost.fields import Compare, Family

#: Pairs of parts of which is remembered what was found.
_REMEMBERED = 1_000_000


class Prover:
    """Proves implications between conditions that :meth:`known` has been told of.

    Equal parts of all conditions are one object to it, so that what was found of the parts of a macro, which many rules
    have, is found once.
    """

    def __init__(self) -> None:
        self._parts: dict[object, Expr] = {}
        self._operands: dict[int, frozenset[Operand]] = {}
        self._found: dict[tuple[int, int], bool] = {}

    def known(self, expr: Expr) -> Expr:
        """Return the object that stands for *expr* and all that equal it."""
        if isinstance(expr, (And, Or)):
            items = tuple(map(self.known, expr.items))
            return self._one((type(expr), *map(id, items)), type(expr)(items), items)
        if isinstance(expr, Not):
            item = self.known(expr.item)
            return self._one((Not, id(item)), Not(item), (item,))
        part = self._parts.setdefault(expr, expr)
        self._operands[id(part)] = frozenset((part.left,)) if isinstance(part, (Check, Exists)) else frozenset()
        return part

    def implies(self, condition: Expr, other: Expr) -> bool:
        """Tell whether it is proved that *other* holds whenever *condition* does; both are :meth:`known`."""
        if condition is other:
            return True
        if isinstance(other, And):
            return all(self.implies(condition, item) for item in other.items)
        if self._operands[id(condition)].isdisjoint(self._operands[id(other)]):
            return False
        key = (id(condition), id(other))
        if key not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[key] = self._by_shape(condition, other)
        return self._found[key]

    def _one(self, key: object, expr: Expr, items: tuple[Expr, ...]) -> Expr:
        part = self._parts.setdefault(key, expr)
        self._operands[id(part)] = frozenset().union(*(self._operands[id(item)] for item in items))
        return part

    def _by_shape(self, condition: Expr, other: Expr) -> bool:
        if isinstance(condition, Or):
            return all(self.implies(item, other) for item in condition.items)
        if isinstance(other, Or) and any(self.implies(condition, item) for item in other.items):
            return True
        if isinstance(condition, And):
            return any(self.implies(item, other) for item in condition.items)
        if isinstance(condition, Not) and isinstance(other, Not):
            return self.implies(other.item, condition.item)
        if isinstance(condition, Check) and isinstance(other, Not) and isinstance(other.item, Check):
            return _excludes(condition, other.item)
        if isinstance(condition, (Check, Exists)) and isinstance(other, (Check, Exists)):
            return _check_implies(condition, other)
        return False


def _check_implies(check: Check | Exists, other: Check | Exists) -> bool:
    """Tell whether a check implies another one of the same field or transformer; a check that holds has a value."""
    if check.left != other.left:
        return False
    if isinstance(other, Exists):
        return True
    if isinstance(check, Exists) or not (_is_plain(check) and _is_plain(other)):
        return False
    if check.op == other.op and check.op in _PARTS:
        return _PARTS[check.op](check.right, other.right)
    values = _values(check)
    if values is None:
        return False
    if _is_address(check):
        wanted = _values(other)
        return wanted is not None and set(values) <= set(wanted)
    return all(map(predicate(other), values))


def _excludes(check: Check, other: Check) -> bool:
    """Tell whether *other*, a check of the same field or transformer, is false wherever *check* holds."""
    if check.left != other.left or not (_is_plain(check) and _is_plain(other)) or _is_address(check):
        return False
    values = _values(check)
    return values is not None and not any(map(predicate(other), values))


def _values(check: Check) -> tuple[Any, ...] | None:
    """Return the values that fulfil *check*, or None if it does not name them."""
    if check.op == "in" and isinstance(check.right, tuple):
        return check.right
    return (check.right,) if check.op == "=" else None


def _is_address(check: Check) -> bool:
    """Tell whether the constants of *check* may stand for more values than one."""
    return value_type(check.left).kind.family in (Family.IP, Family.NET)


def _is_plain(check: Check) -> bool:
    """Tell whether *check* compares one value, or any of several, with constants."""
    kind = value_type(check.left)
    constant = not isinstance(check.right, (FieldRef, Transform, ListOf))
    return constant and check.modifier is None and not kind.is_list and kind.compare is Compare.SCALAR


#: Operators of which one implies another with a shorter text.
_PARTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "startswith": lambda longer, shorter: bool(longer.startswith(shorter)),
    "endswith": lambda longer, shorter: bool(longer.endswith(shorter)),
    "contains": lambda longer, shorter: shorter in longer,
    "pmatch": lambda few, more: set(few) <= set(more),
}
