"""The two conditions between which a check of a rule lies, in terms of what the kernel knows.

One is necessary for the check to hold, the other sufficient; they are equal where the kernel can decide exactly. A
negation swaps them, so that what the kernel cannot decide counts as true in the end, negated or not.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from falcohost.ir import Check
from falcohost_syscall.filters.condition import FALSE, TRUE, Condition, all_of


class Bounds(Struct, frozen=True):
    """*over* is necessary for a check to hold, *under* is sufficient."""

    over: Condition
    under: Condition

    @property
    def undecided(self) -> bool:
        """Whether the kernel can say nothing at all."""
        return self.over == TRUE and self.under == FALSE


UNDECIDED = Bounds(TRUE, FALSE)


def exactly(condition: Condition) -> Bounds:
    """Return the bounds of a check that the kernel decides exactly."""
    return Bounds(condition, condition)


def both(first: Condition, second: Bounds) -> Bounds:
    """Return the bounds of "*first* and the check with bounds *second*"."""
    return Bounds(all_of((first, second.over)), all_of((first, second.under)))


def constants(check: Check) -> tuple[Any, ...]:
    """Return the values that the field is compared with."""
    return check.right if isinstance(check.right, tuple) else (check.right,)
