"""What a check of a rule says in terms of the kernel: between which two conditions it lies.

One is true at least where the check is, the other at most where it is; where the kernel can tell exactly, both are the
same. A negation takes the second of its part, so that what cannot be told is true in the end, negated or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from falcohost.ir import Check
from falcohost_syscall.filters.condition import FALSE, TRUE, Condition, all_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """*over* is necessary for a check to hold, *under* is sufficient."""

    over: Condition
    under: Condition

    @property
    def undecided(self) -> bool:
        """Return whether the kernel can say nothing at all."""
        return self.over == TRUE and self.under == FALSE


UNDECIDED = Bounds(TRUE, FALSE)


def exactly(condition: Condition) -> Bounds:
    """Return the bounds of what the kernel can tell."""
    return Bounds(condition, condition)


def both(first: Condition, second: Bounds) -> Bounds:
    """Return the bounds of an exact condition and another."""
    return Bounds(all_of((first, second.over)), all_of((first, second.under)))


def constants(check: Check) -> tuple[Any, ...]:
    """Return what the field is compared with."""
    return check.right if isinstance(check.right, tuple) else (check.right,)
