"""IR to the text of Python expressions: what one generated function is made of.

No text of a rule ever enters the source: every constant, argument and function is bound to a generated name in the
function's globals. A field that a function asks for more than once is read once and kept in a local variable. Where
that is sure to be set, which follows from the short circuit of ``and`` and ``or``, it is just used; where it may be, it
is asked whether it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from falcohost.engine.ir import (
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
)
from falcohost.engine.operands import ValueType, value_type
from falcohost.engine.options import getopt, selected_option
from falcohost.engine.pairs import pair_test
from falcohost.engine.paths import getter
from falcohost.engine.predicates import predicate
from falcohost.engine.transforms import concat, join, list_of, unary
from falcohost.fields import Compare, Family

#: Python's parser takes 200 nested parentheses; what lies deeper than this becomes a function of its own.
DEPTH = 60


#: What a local holds before its field was read.
_UNREAD = object()


class Names:
    """Binds values to names that generated source may use."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {"__builtins__": {}}
        self._names: dict[object, str] = {}

    def of(self, value: object, *key: object) -> str:
        """Return the name of *value*; equal *key* (or the same object, if there is none) gives the same name."""
        known = key or (id(value),)
        name = self._names.get(known)
        if name is None:
            name = self._names[known] = f"k{len(self.bound)}"
            self.bound[name] = value
        return name

    def of_constant(self, value: object) -> str:
        """Return the name of a constant, shared by equal constants of one type."""
        return self.of(value, type(value), value)


@dataclass(frozen=True, slots=True)
class Code:
    """An expression in a boolean context, and the bit sets of the locals that are set once it was true or false."""

    text: str
    true: int = 0
    false: int = 0


class Expressions:
    """Writes the expressions of one generated function over the event ``e``.

    :param shared: the fields that are read more than once, each with the number of its local ``v<number>``.
    :param hoist: adds a function for a condition that is nested too deep, and returns its name.
    """

    def __init__(self, names: Names, shared: Mapping[FieldRef, int], hoist: Callable[[Expr], str]) -> None:
        self._names = names
        self._shared = shared
        self._hoist = hoist
        self._written = 0
        self._unsure = 0

    def prologue(self) -> list[str]:
        """Return the line that must stand before all expressions written so far, if there must be one."""
        unsure = [f"v{number}" for number in self._shared.values() if self._unsure >> number & 1]
        return [f"    {' = '.join((*unsure, self._names.of(_UNREAD)))}"] if unsure else []

    def condition(self, expr: Expr, have: int = 0, depth: int = 0) -> Code:
        """Return the code of *expr* where the locals in the bit set *have* are set already."""
        if depth == DEPTH and not isinstance(expr, (Check, Exists)):
            return Code(f"{self._hoist(expr)}(e)")
        if isinstance(expr, (And, Or)):
            return self._chain(expr, have, depth + 1)
        if isinstance(expr, Not):
            code = self.condition(expr.item, have, depth + 1)
            return Code(f"not ({code.text})", code.false, code.true)
        if isinstance(expr, Exists):
            text, got = self.operand(expr.left, have)
            return Code(f"{text} is not None", got, got)
        return self._check(expr, have)

    def _chain(self, expr: And | Or, have: int, depth: int) -> Code:
        """Write ``and`` or ``or``: one outcome needs every item, the other comes from any item behind former ones."""
        conjunction = isinstance(expr, And)
        passed, stopped = 0, -1
        texts = []
        for item in expr.items:
            code = self.condition(item, have | passed, depth)
            texts.append(f"({code.text})" if conjunction and isinstance(item, Or) else code.text)
            stopped &= passed | (code.false if conjunction else code.true)
            passed |= code.true if conjunction else code.false
        if not texts:
            return Code("True" if conjunction else "False")
        text = (" and " if conjunction else " or ").join(texts)
        return Code(text, passed, stopped) if conjunction else Code(text, stopped, passed)

    def operand(self, operand: Operand, have: int) -> tuple[str, int]:
        """Return the text of *operand*'s value and the locals that it sets."""
        if isinstance(operand, FieldRef):
            return self._field(operand, have)
        if isinstance(operand, Const):
            return self._names.of_constant(str(operand.value)), 0
        items = operand.args if isinstance(operand, Transform) else operand.items
        texts, got = [], 0
        for item in items:
            text, more = self.operand(item, have | got)
            texts.append(text)
            got |= more
        return f"{self._function(operand)}({', '.join(texts)})", got

    def _field(self, ref: FieldRef, have: int) -> tuple[str, int]:
        number = self._shared.get(ref)
        if number is not None and have >> number & 1:
            return f"v{number}", 0
        arg = "None" if ref.arg is None else self._names.of_constant(ref.arg)
        call = f"{self._names.of(getter(ref.field), ref.field.name, id(ref.field))}(e, {arg})"
        kind = value_type(ref)
        if kind.is_list or kind.compare is not Compare.SCALAR:
            call = f"({call} or None)"  # an empty list is an absent value
        if number is None:
            return call, 0
        bit = 1 << number
        read = f"(v{number} := {call})"
        if self._written & bit:
            self._unsure |= bit
            read = f"(v{number} if v{number} is not {self._names.of(_UNREAD)} else {read})"
        self._written |= bit
        return read, bit

    def _function(self, operand: Transform | ListOf) -> str:
        if isinstance(operand, ListOf):
            return self._names.of(list_of)
        if operand.name == "getopt" and operand.arg is not None:
            chosen = functools.partial(selected_option, operand.arg)
            return self._names.of(chosen, "getopt", operand.arg)
        several = {"join": join, "concat": concat, "getopt": getopt}.get(operand.name)
        if several is not None:
            return self._names.of(several)
        kind = value_type(operand.args[0])
        key = (operand.name, kind.is_list, kind.kind.family is Family.BYTES)
        return self._names.of(unary(*key), *key)

    def _check(self, check: Check, have: int) -> Code:
        if isinstance(check.right, (FieldRef, Transform, Const, ListOf)):
            return self._pair(check, check.right, have)
        if check.right == () and (check.modifier is not None or check.op in ("in", "intersects", "pmatch")):
            return Code("False")
        left, got = self.operand(check.left, have)
        test = self._direct(check) or self._inline(check)
        if test is not None and not test.guarded:
            return Code(test.text.format(left), got, got)
        text = test.text if test is not None else self._names.of(predicate(check)) + "({})"
        return Code(self._guarded(left, "t", text), got, got)

    def _guarded(self, value: str, temporary: str, test: str) -> str:
        """Return *test* of *value*, false where it is absent."""
        if value.startswith("v"):
            return f"{value} is not None and {test.format(value)}"
        if value.startswith("(v"):
            local = value[1 : value.index(" ")]
            return f"{value} is not None and {test.format(local)}"
        return f"({temporary} := {value}) is not None and {test.format(temporary)}"

    def _pair(self, check: Check, right: Operand, have: int) -> Code:
        left_text, left = self.operand(check.left, have)
        right_text, more = self.operand(right, have | left)
        kind = value_type(check.left)
        test = self._names.of(pair_test(check.op, kind), "pair", check.op, kind)
        inner = self._guarded(right_text, "u", f"{test}({{{{}}}}, {{}})")
        return Code(self._guarded(left_text, "t", inner), left | more, left)

    def _direct(self, check: Check) -> Test | None:
        """Return a test that is false for an absent value without asking."""
        kind, right = value_type(check.left), check.right
        if kind.is_list or kind.compare is not Compare.SCALAR or kind.kind.family in (Family.IP, Family.NET):
            return None
        if check.op == "=" and check.modifier is None:
            if kind.kind.family is Family.BOOL and right is True:
                return Test("{}", guarded=False)
            return Test(f"{{}} == {self._names.of_constant(right)}", guarded=False)
        membership = check.op in ("in", "intersects") or (check.op == "=" and check.modifier == "anyof")
        if not membership or not isinstance(right, tuple):
            return None
        if len(right) == 1:
            return Test(f"{{}} == {self._names.of_constant(right[0])}", guarded=False)
        return Test(f"{{}} in {self._names.of_constant(frozenset(right))}", guarded=False)

    def _inline(self, check: Check) -> Test | None:
        """Return a test of a value that is there, if Python has an operator or a method for it."""
        kind, right = value_type(check.left), check.right
        if kind.kind.family in (Family.IP, Family.NET):
            return None
        if kind.is_list or kind.compare is not Compare.SCALAR:
            return self._inline_several(check, kind) if check.modifier is None else None
        if check.modifier is not None:
            return self._inline_modified(check)
        name = self._names.of_constant
        if check.op == "!=":
            return Test(f"{{}} != {name(right)}")
        if check.op in ("<", "<=", ">", ">=") and kind.kind.family is Family.NUMBER:
            return Test(f"{{}} {check.op} {name(right)}")
        if check.op in ("contains", "bcontains"):
            return Test(f"{name(right)} in {{}}")
        method = _METHODS.get(check.op)
        return None if method is None else Test(f"{{}}.{method}({name(right)})")

    def _inline_modified(self, check: Check) -> Test | None:
        """Write the modifiers for which Python has one operation; the list is not empty."""
        assert isinstance(check.right, tuple)
        if check.op == "!=" and check.modifier == "allof":
            return Test(f"{{}} not in {self._names.of_constant(frozenset(check.right))}")
        method = _METHODS.get(check.op)
        if method is None or check.modifier != "anyof":
            return None
        return Test(f"{{}}.{method}({self._names.of_constant(check.right)})")

    def _inline_several(self, check: Check, kind: ValueType) -> Test | None:
        """Write tests of a tuple: a list, or the values of a field that are compared one by one."""
        name, right = self._names.of_constant, check.right
        if isinstance(right, tuple):
            members = name(frozenset(right))
            if check.op == "in" and kind.is_list:
                return Test(f"{members}.issuperset({{}})")
            return Test(f"not {members}.isdisjoint({{}})") if check.op in ("in", "intersects") else None
        if check.op == "=":
            return Test(f"{name(right)} in {{}}")
        if check.op == "!=" and kind.compare is Compare.ENDPOINTS:
            return Test(f"{name(right)} not in {{}}")
        return None


@dataclass(frozen=True, slots=True)
class Test:
    """The text of a test with ``{}`` for the value; *guarded*: it must not see an absent one."""

    text: str
    guarded: bool = True


_METHODS = {
    "startswith": "startswith",
    "bstartswith": "startswith",
    "endswith": "endswith",
}
