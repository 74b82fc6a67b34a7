"""Proves that one condition implies another, from their structure and constants.

For example, ``a and b`` implies ``a``, ``a`` implies ``a or b``, and a value in a list is also in a longer list. If
there is no proof, the implication may hold or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from falcohost.engine.code.predicates import predicate
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, ListOf, Not, Operand, Or, Transform
from falcohost.engine.operands import value_type
from falcohost.fields import Compare, Family

#: Most results that are cached.
_REMEMBERED = 1_000_000


class Prover:
    """Proves implications between conditions that were registered with :meth:`known`.

    Equal parts of all conditions become one object, so that results for the parts of a macro, which many rules share,
    are computed once.
    """

    def __init__(self) -> None:
        self._parts: dict[object, Expr] = {}
        self._operands: dict[int, frozenset[Operand]] = {}
        self._found: dict[tuple[int, int], bool] = {}

    def known(self, expr: Expr) -> Expr:
        """Register *expr*; return the object that represents it and all conditions equal to it."""
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
        """Return whether it is proved that *other* is true whenever *condition* is; both are :meth:`known`."""
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
    """Return whether a check implies another one of the same field or transformer."""
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
    """Return whether *other*, a check of the same field or transformer, is false whenever *check* is true."""
    if check.left != other.left or not (_is_plain(check) and _is_plain(other)) or _is_address(check):
        return False
    values = _values(check)
    return values is not None and not any(map(predicate(other), values))


def _values(check: Check) -> tuple[Any, ...] | None:
    """Return the values for which *check* is true, or None if it does not list them."""
    if check.op == "in" and isinstance(check.right, tuple):
        return check.right
    return (check.right,) if check.op == "=" else None


def _is_address(check: Check) -> bool:
    """Return whether a constant of *check* may stand for several values."""
    return value_type(check.left).kind.family in (Family.IP, Family.NET)


def _is_plain(check: Check) -> bool:
    """Return whether *check* compares a single value with constants, without a modifier."""
    kind = value_type(check.left)
    constant = not isinstance(check.right, (FieldRef, Transform, ListOf))
    return constant and check.modifier is None and not kind.is_list and kind.compare is Compare.SCALAR


#: For each operator, whether its check with the first constant implies that with the second.
_PARTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "startswith": lambda longer, shorter: bool(longer.startswith(shorter)),
    "endswith": lambda longer, shorter: bool(longer.endswith(shorter)),
    "contains": lambda longer, shorter: shorter in longer,
    "pmatch": lambda few, more: set(few) <= set(more),
}
