"""Converts IR to the source of Python expressions, the parts of a generated function.

No text of a rule ever enters the source: every constant, argument and function is bound to a generated name in the
function's globals. A field or sub-condition that a function needs more than once is computed once and kept in a local
variable. If short circuits of ``and`` and ``or`` guarantee that the local is set, it is simply used; otherwise the code
tests whether it is set. Functions may also share a list of values that are already known of an event.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from falcohost.engine.code.inline import direct, inline
from falcohost.engine.code.names import Names
from falcohost.engine.code.predicates import predicate
from falcohost.engine.code.reads import call, read
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
    Unanswered,
)
from falcohost.engine.operands import value_type
from falcohost.engine.paths import getter, unlike_of
from falcohost.fields import Family
from falcohost.lookups import PENDING

#: Python's parser accepts 200 nested parentheses; deeper expressions than this become functions of their own.
DEPTH = 60


#: Marks a field that has not been read, and a sub-condition that has not been evaluated.
UNREAD = object()


class Code(Struct, frozen=True):
    """A boolean expression, and the bit sets of the locals that are set if it is true or false."""

    text: str
    true: int = 0
    false: int = 0


class SharedValues(Protocol):
    """Values that several functions share for one event: the list ``s``, with :data:`UNREAD` for unknown ones."""

    def field(self, ref: FieldRef) -> str:
        """Return the source that gets the value of *ref* from ``s``, or reads it into ``s``."""

    def condition(self, expr: Expr) -> str | None:
        """Return the source that gets the result of *expr* from ``s``, or computes it; None if it is not kept there."""


class Expressions:
    """Writes the expressions of one generated function over the event ``e``.

    :param kept: values that are kept in locals: fields, and sub-conditions by ``id``, each with the number of its local
        ``v<number>``.
    :param hoist: adds a function for a condition that is nested too deeply, and returns the source of a call.
    :param memory: the values that the function shares with others.
    """

    def __init__(
        self,
        names: Names,
        kept: Mapping[FieldRef | int, int],
        hoist: Callable[[Expr], str],
        memory: SharedValues | None = None,
    ) -> None:
        self._names = names
        self._kept = kept
        self._hoist = hoist
        self._memory = memory
        self._written = 0
        self._unsure = 0

    def prologue(self) -> list[str]:
        """Return the line to put before all expressions written so far, if one is needed."""
        unsure = [f"v{number}" for number in range(self._unsure.bit_length()) if self._unsure >> number & 1]
        return [f"    {' = '.join((*unsure, self._names.of(UNREAD)))}"] if unsure else []

    def condition(self, expr: Expr, have: int = 0, depth: int = 0) -> Code:
        """Return the code of *expr*; the locals in the bit set *have* are already set."""
        number = self._kept.get(id(expr))
        if number is not None:
            if have >> number & 1:
                return Code(f"v{number}")
            text, bit = self._keep(number, self.write(expr, have, depth + 1).text)
            return Code(text, bit, bit)
        known = self._memory.condition(expr) if self._memory else None
        return Code(known) if known else self.write(expr, have, depth)

    def write(self, expr: Expr, have: int = 0, depth: int = 0) -> Code:
        """Return the code of *expr* itself, even if its result is kept."""
        if depth >= DEPTH and not isinstance(expr, (Check, Exists)):
            return Code(self._hoist(expr))
        if isinstance(expr, (And, Or)):
            return self._chain(expr, have, depth + 1)
        if isinstance(expr, Not):
            code = self.condition(expr.item, have, depth + 1)
            return Code(f"not ({code.text})", code.false, code.true)
        if isinstance(expr, Exists):
            text, got = self.operand(expr.left, have)
            is_so = f"is {self._names.of(PENDING)}" if isinstance(expr, Unanswered) else "is not None"
            return Code(f"{text} {is_so}", got, got)
        return self._check(expr, have)

    def _chain(self, expr: And | Or, have: int, depth: int) -> Code:
        """Write ``and`` or ``or``: one result needs every item, the other may come from any item."""
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
        """Return the source of *operand*'s value, and the locals that it sets."""
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
        number = self._kept.get(ref)
        if number is not None and have >> number & 1:
            return f"v{number}", 0
        if self._memory:
            text = self._memory.field(ref)
        elif number is not None and self._written >> number & 1:
            text = call(self._names, ref)  # what is written often is to be short
        else:
            text = read(self._names, ref)
        return (text, 0) if number is None else self._keep(number, text)

    def _keep(self, number: int, text: str) -> tuple[str, int]:
        """Return the source of a value that *text* computes and the local *number* keeps, and the local's bit."""
        bit = 1 << number
        made = f"(v{number} := {text})"
        if self._written & bit:
            self._unsure |= bit
            made = f"(v{number} if v{number} is not {self._names.of(UNREAD)} else {made})"
        self._written |= bit
        return made, bit

    def _function(self, operand: Transform | ListOf) -> str:
        from falcohost.engine.options import getopt, selected_option  # few rules have transformers
        from falcohost.engine.transforms import concat, join, list_of, unary

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
        test = direct(self._names, check) or inline(self._names, check)
        if test is not None and not test.guarded:
            code = Code(test.text.format(left), got, got)
            return code if left[0] == "v" else self._unlike(check, code)
        text = test.text if test is not None else self._names.made(lambda: predicate(check), check) + "({})"
        return Code(self._guarded(left, "t", text), got, got)

    def _unlike(self, check: Check, code: Code) -> Code:
        """Return *code* of the *check* of a value that may not be read yet; it is not where that is surely another."""
        ref = check.left
        if check.op != "=" or check.modifier is not None or not isinstance(ref, FieldRef):
            return code
        unlike = unlike_of(getter(ref.field))
        right = check.right
        if unlike is None or not isinstance(right, str):
            return code
        text = f"not {self._names.made(lambda: unlike(right), unlike, right)}(e) and {code.text}"
        return Code(text, code.true, 0)

    def _guarded(self, value: str, temporary: str, test: str) -> str:
        """Return the source of *test* on *value*; it is false if the value is absent."""
        if value[0] == "v":
            return f"{value} is not None and {test.format(value)}"
        if value.startswith("(v"):
            local = value[1 : value.index(" ")]
            return f"{value} is not None and {test.format(local)}"
        return f"({temporary} := {value}) is not None and {test.format(temporary)}"

    def _pair(self, check: Check, right: Operand, have: int) -> Code:
        from falcohost.engine.code.pairs import pair_test  # few rules compare two fields

        left_text, left = self.operand(check.left, have)
        right_text, more = self.operand(right, have | left)
        kind = value_type(check.left)
        test = self._names.made(lambda: pair_test(check.op, kind), "pair", check.op, kind)
        inner = self._guarded(right_text, "u", f"{test}({{{{}}}}, {{}})")
        return Code(self._guarded(left_text, "t", inner), left | more, left)
