"""Checks whose right side is a field or a transformer, as functions of two values that are not absent."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from falcohost.engine.code.predicates import ORDER
from falcohost.engine.globs import Predicate, glob
from falcohost.engine.operands import ValueType
from falcohost.engine.texts import ascii_lower, text_bytes
from falcohost.engine.values import LIMIT
from falcohost.fields import Family

Pair: TypeAlias = Callable[[Any, Any], bool]


def pair_test(op: str, kind: ValueType) -> Pair:
    """Return *op* as a function of a left and a right value, both of type *kind*."""
    if kind.is_list:
        return _all_in if op == "in" else _some_in
    if op in ORDER and kind.kind.family is Family.STRING:
        compare = ORDER[op]
        return lambda left, right: compare(text_bytes(left), text_bytes(right))
    return ORDER[op] if op in ORDER else _PAIRS[op]


def _all_in(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return frozenset(right).issuperset(left)


def _some_in(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return not frozenset(right).isdisjoint(left)


@functools.lru_cache(maxsize=256)
def _glob(pattern: str, fold: bool) -> Predicate:
    """Compile a pattern that comes from an event; the cost is bounded, since attackers choose it.

    A pattern with ``?`` or ``[`` that is longer than a constant may be never matches: RE2 would compile it too slowly.
    """
    if len(pattern) > LIMIT and ("?" in pattern or "[" in pattern):
        return lambda value: False
    return glob(pattern, fold=fold)


_PAIRS: Mapping[str, Pair] = {
    "=": lambda left, right: bool(left == right),
    "in": lambda left, right: bool(left == right),
    "intersects": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "contains": lambda left, right: right in left,
    "bcontains": lambda left, right: right in left,
    "startswith": lambda left, right: left.startswith(right),
    "bstartswith": lambda left, right: left.startswith(right),
    "endswith": lambda left, right: left.endswith(right),
    "icontains": lambda left, right: ascii_lower(right) in ascii_lower(left),
    "glob": lambda left, right: _glob(right, False)(left),
    "iglob": lambda left, right: _glob(right, True)(left),
}
