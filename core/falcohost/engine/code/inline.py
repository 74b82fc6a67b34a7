"""Writes checks inline in generated code if Python has an operator or method for them, which saves a call."""

from __future__ import annotations

from msgspec import Struct

from falcohost.engine.code.names import Names
from falcohost.engine.ir import Check
from falcohost.engine.operands import ValueType, value_type
from falcohost.fields import Compare, Family

_METHODS = {
    "startswith": "startswith",
    "bstartswith": "startswith",
    "endswith": "endswith",
}


class InlineTest(Struct, frozen=True):
    """The source of a test with ``{}`` for the value; *guarded*: the value must not be absent."""

    text: str
    guarded: bool = True


def direct(names: Names, check: Check) -> InlineTest | None:
    """Return a test that needs no guard, because it is false for an absent value."""
    kind, right = value_type(check.left), check.right
    if kind.is_list or kind.compare is not Compare.SCALAR or kind.kind.family in (Family.IP, Family.NET):
        return None
    if check.op == "=" and check.modifier is None:
        if kind.kind.family is Family.BOOL and right is True:
            return InlineTest("{}", guarded=False)
        return InlineTest(f"{{}} == {names.of_constant(right)}", guarded=False)
    membership = check.op in ("in", "intersects") or (check.op == "=" and check.modifier == "anyof")
    if not membership or not isinstance(right, tuple):
        return None
    if len(right) == 1:
        return InlineTest(f"{{}} == {names.of_constant(right[0])}", guarded=False)
    return InlineTest(f"{{}} in {names.of_constant(frozenset(right))}", guarded=False)


def inline(names: Names, check: Check) -> InlineTest | None:
    """Return a test of a value that is not absent, if Python has an operator or method for it."""
    kind, right = value_type(check.left), check.right
    if kind.kind.family in (Family.IP, Family.NET):
        return None
    if kind.is_list or kind.compare is not Compare.SCALAR:
        return _several(names, check, kind) if check.modifier is None else None
    if check.modifier is not None:
        return _modified(names, check)
    name = names.of_constant
    if check.op == "!=":
        return InlineTest(f"{{}} != {name(right)}")
    if check.op in ("<", "<=", ">", ">=") and kind.kind.family is Family.NUMBER:
        return InlineTest(f"{{}} {check.op} {name(right)}")
    if check.op in ("contains", "bcontains"):
        return InlineTest(f"{name(right)} in {{}}")
    method = _METHODS.get(check.op)
    return None if method is None else InlineTest(f"{{}}.{method}({name(right)})")


def _modified(names: Names, check: Check) -> InlineTest | None:
    """Write modifiers for which Python has a single operation; the list is not empty."""
    assert isinstance(check.right, tuple)
    if check.op == "!=" and check.modifier == "allof":
        return InlineTest(f"{{}} not in {names.of_constant(frozenset(check.right))}")
    method = _METHODS.get(check.op)
    if method is None or check.modifier != "anyof":
        return None
    return InlineTest(f"{{}}.{method}({names.of_constant(check.right)})")


def _several(names: Names, check: Check, kind: ValueType) -> InlineTest | None:
    """Write tests of a tuple: a list, or the values of a field that are compared one by one."""
    name, right = names.of_constant, check.right
    if isinstance(right, tuple):
        members = name(frozenset(right))
        if check.op == "in" and kind.is_list:
            return InlineTest(f"{members}.issuperset({{}})")
        return InlineTest(f"not {members}.isdisjoint({{}})") if check.op in ("in", "intersects") else None
    if check.op == "=":
        return InlineTest(f"{name(right)} in {{}}")
    if check.op == "!=" and kind.compare is Compare.ENDPOINTS:
        return InlineTest(f"{name(right)} not in {{}}")
    return None
