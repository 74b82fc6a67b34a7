"""What the kernel knows of the names of AF_UNIX sockets.

Such a name is a path or an abstract name, behind a blank and what stands for both ends where the other end is known.
The path is the one that was passed, one to which an end was bound, or one of those of the socket's file. Whichever it
is, it is somewhere in the record, and so is any text that the name has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from falcohost.ir import Check, Exists
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.bounds import Bounds
from falcohost_syscall.facts.textual import Textual
from falcohost_syscall.filters.condition import TRUE, All, Condition, Literal, Text, all_of, any_of

_RECORD: Final = layout.sections()
#: Of these are what stands for the ends, and the arrow between.
_ENDS: Final = frozenset(b"0123456789abcdef->")


@dataclass(frozen=True, slots=True)
class NameOfSocket:
    """A name of which the kernel may have the *text*, and which is of an AF_UNIX socket unless *other* holds."""

    text: Textual
    other: Condition

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
        found = self.text.bounds(check)
        return Bounds(all_of((found.over, any_of((self.other, _in_record(found.over))))), found.under)


def _in_record(condition: Condition) -> Condition:
    """Return what must be in the record for *condition* to hold of the name."""
    if not isinstance(condition, Literal):
        return (all_of if isinstance(condition, All) else any_of)(map(_in_record, condition.items))
    test = condition.test
    if condition.negated or not isinstance(test, Text):
        return TRUE
    # An abstract name begins with @ in text, and with a zero in the record.
    constants = frozenset(constant.removeprefix(b"@") for constant in test.constants)
    if not constants or any(b" " in constant or _ENDS.issuperset(constant) for constant in constants):
        return TRUE
    return Literal(Text(_RECORD, "icontains" if test.op == "icontains" else "contains", constants))
