"""Finds the bounds of a check for events of one type, from the fact in the field's row.

Fields of other plugins, such as those of a lookup, have no fact; checks of them count as true.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from falcohost.ir import Check, Exists, FieldRef
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.facts.accounts import OfAccount
from falcohost_syscall.facts.bounds import UNDECIDED, Bounds
from falcohost_syscall.facts.containers import of_account
from falcohost_syscall.facts.kinds import check_bounds
from falcohost_syscall.fields.field import SyscallField
from falcohost_syscall.processes.users import Users

#: Returns the two conditions between which a check lies.
Decide: TypeAlias = Callable[[Check | Exists], Bounds]


#: The bounds of checks by their ids and facts. They keep the checks, so that no other gets the same id.
Known: TypeAlias = dict[tuple[int, object], tuple[Check | Exists, Bounds]]


def decide(row: Call, users: Users, known: Known | None = None) -> Decide:
    """Return a function that gives the bounds of a check for events of *row*; names come from the accounts *users*.

    :param known: the bounds that were found for other rows, many of which are the same.
    """
    known = {} if known is None else known

    def bounds(check: Check | Exists) -> Bounds:
        ref = check.left
        if not isinstance(ref, FieldRef) or not isinstance(ref.field, SyscallField) or ref.field.fact is None:
            return UNDECIDED
        fact = ref.field.fact(row, ref.arg)
        key = id(check), fact
        if key not in known:
            found = check_bounds(check, of_account(fact, users) if isinstance(fact, OfAccount) else fact)
            known[key] = check, found
        return known[key][1]

    return bounds
