"""Checks against constants, as functions of a value that is not absent, for checks that are not written inline.

The single-value functions never see lists; :func:`predicate` adds how lists and several values of one field (*any of*,
*endpoints*) are compared.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from falcohost.engine.addresses import address_text, in_addresses, in_networks
from falcohost.engine.globs import glob
from falcohost.engine.ir import Check, Value
from falcohost.engine.operands import ValueType, value_type
from falcohost.engine.operators import compares_text
from falcohost.engine.pathprefix import path_prefix
from falcohost.engine.regexes import regex
from falcohost.engine.texts import ascii_lower, text_bytes
from falcohost.fields import Compare, Family

Predicate: TypeAlias = Callable[[Any], bool]


def predicate(check: Check) -> Predicate:
    """Return *check*, whose right side is constant, as a function of a value that is not absent."""
    kind = value_type(check.left)
    single = _modified(check, kind)
    if kind.is_list:
        return _all(single) if check.op == "in" else _any(single)
    if kind.compare is Compare.SCALAR:
        return single
    return _all(single) if kind.compare is Compare.ENDPOINTS and check.op == "!=" else _any(single)


def _any(single: Predicate) -> Predicate:
    def holds(values: Iterable[Any]) -> bool:
        for value in values:  # noqa: SIM110 (a generator costs more than the loop)
            if value is not None and single(value):
                return True
        return False

    return holds


def _all(single: Predicate) -> Predicate:
    def holds(values: Iterable[Any]) -> bool:
        for value in values:  # noqa: SIM110 (a generator costs more than the loop)
            if value is not None and not single(value):
                return False
        return True

    return holds


def _modified(check: Check, kind: ValueType) -> Predicate:
    if check.modifier is None:
        return _plain(check.op, check.right, kind)
    assert isinstance(check.right, tuple)
    tests = [_plain(check.op, value, kind) for value in check.right]
    if not tests:
        return lambda value: False
    if check.modifier == "anyof":
        return lambda value: any(test(value) for test in tests)
    if check.modifier == "allof":
        return lambda value: all(test(value) for test in tests)
    return lambda value: sum(test(value) for test in tests) == 1


def _plain(op: str, right: Value, kind: ValueType) -> Predicate:
    if op == "pmatch":
        assert isinstance(right, tuple)
        return path_prefix(right)
    if op in ("in", "intersects"):
        assert isinstance(right, tuple)
        return _member(right, kind)
    if op in ("=", "!="):
        same = _member((right,), kind)
        return same if op == "=" else lambda value: not same(value)
    if compares_text(op, kind.kind):
        test = _TEXT[op](right)
        return lambda value: test(address_text(value))
    if op in ("<", "<=", ">", ">="):
        return _ordered(op, right, kind)
    return (_BYTES if kind.kind.family is Family.BYTES else _TEXT)[op](right)


def _member(values: tuple[Any, ...], kind: ValueType) -> Predicate:
    if kind.kind.family is Family.IP:
        return in_addresses(values)
    if kind.kind.family is Family.NET:
        return in_networks(values)
    return frozenset(values).__contains__


def _ordered(op: str, right: Any, kind: ValueType) -> Predicate:
    compare = ORDER[op]
    if kind.kind.family is Family.STRING:
        data = text_bytes(right)
        return lambda value: compare(text_bytes(value), data)
    return lambda value: compare(value, right)


def _icontains(right: str) -> Predicate:
    small = ascii_lower(right)
    return lambda value: small in ascii_lower(value)


ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_SEQUENCE: Mapping[str, Callable[[Any], Predicate]] = {
    "contains": lambda right: lambda value: right in value,
    "startswith": lambda right: lambda value: value.startswith(right),
    "endswith": lambda right: lambda value: value.endswith(right),
}

_BYTES: Mapping[str, Callable[[Any], Predicate]] = {
    **_SEQUENCE,
    "bcontains": _SEQUENCE["contains"],
    "bstartswith": _SEQUENCE["startswith"],
}

_TEXT: Mapping[str, Callable[[Any], Predicate]] = {
    **_SEQUENCE,
    "icontains": _icontains,
    "glob": glob,
    "iglob": lambda right: glob(right, fold=True),
    "regex": regex,
}
