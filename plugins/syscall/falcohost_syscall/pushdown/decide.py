"""What the kernel knows of a check of a rule in events of one type: the row of the field says it.

A field of another plugin, such as a lookup's, has no such row: what is asked of it counts as true.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from falcohost.ir import Check, Exists, FieldRef
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts.accounts import OfAccount
from falcohost_syscall.facts.bounds import UNDECIDED, Bounds
from falcohost_syscall.facts.kinds import check_bounds
from falcohost_syscall.fields.field import SyscallField
from falcohost_syscall.processes.users import Users

#: Tells between which conditions a check lies.
Decide: TypeAlias = Callable[[Check | Exists], Bounds]


def decide(row: Call, users: Users) -> Decide:
    """Return what tells for events of *row* what the kernel knows of a check, by the names of *users*."""

    def bounds(check: Check | Exists) -> Bounds:
        ref = check.left
        if not isinstance(ref, FieldRef) or not isinstance(ref.field, SyscallField) or ref.field.fact is None:
            return UNDECIDED
        fact = ref.field.fact(row, ref.arg)
        return check_bounds(check, fact.named(users) if isinstance(fact, OfAccount) else fact)

    return bounds
