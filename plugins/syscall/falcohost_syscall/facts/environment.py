"""Facts about the environment with which a program was started: its variables, each terminated by a zero.

The field has a blank instead of the zero, so only constants without blanks are looked for.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from falcohost import Arg
from falcohost.ir import Check, Exists, predicate
from falcohost.text import text_bytes
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.bounds import UNDECIDED, Bounds, exactly
from falcohost_syscall.facts.kinds import Fact
from falcohost_syscall.facts.textual import Textual, comparable
from falcohost_syscall.filters.condition import FALSE, TRUE, Literal, Text, negate

_VARIABLES: Final = layout.environment()


class Whole(Struct, frozen=True):
    """The whole environment."""

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        if isinstance(check, Exists):
            return exactly(TRUE)
        told = isinstance(check.right, str) and " " not in check.right and check.modifier is None
        return Textual(_VARIABLES).bounds(check) if told and check.op in _WITHIN else UNDECIDED


_WITHIN: Final = frozenset({"contains", "icontains", "startswith"})


class Variable(Struct, frozen=True):
    """One variable: the kernel knows whether its name may occur. An absent variable has an empty value."""

    name: bytes

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return the bounds of *check* on this field."""
        if isinstance(check, Exists):
            return exactly(TRUE)
        there = Literal(Text(_VARIABLES, "contains", frozenset({self.name + b"="})))
        if not predicate(check)(""):
            return Bounds(there, FALSE)
        return Bounds(TRUE, negate(there))


def own(_: Call, arg: Arg) -> Fact | None:
    """Describe the environment of the process, or one variable of it."""
    if arg is None:
        return Whole()
    name = text_bytes(str(arg))
    return Variable(name) if comparable(name) else None
