"""Explains in the rule language which part of a rule the kernel decides, for ``falcohost rules explain``."""

from __future__ import annotations

from collections.abc import Iterator

from falcohost import Plan
from falcohost.ir import (
    FALSE,
    TRUE,
    And,
    Check,
    Exists,
    Expr,
    FieldRef,
    Not,
    Or,
    checks,
    shown,
    shown_operand,
    specialise,
)
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.calls.rows import BY_NAME, NOT_BY_DEFAULT, Call
from falcohost_syscall.fields.field import SyscallField
from falcohost_syscall.filters import condition
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import Decide, decide
from falcohost_syscall.pushdown.plan import conditions
from falcohost_syscall.records.record import WANT_MESSAGES

#: Calls that busy hosts make hundreds or thousands of times a second.
_FREQUENT = NOT_BY_DEFAULT | frozenset(
    (
        *("open", "openat", "openat2", "close", "mmap", "munmap", "mprotect", "fcntl", "dup", "dup2", "dup3", "ioctl"),
        *("stat", "fstat", "lstat", "newfstatat", "access", "getdents", "getdents64", "socket", "connect", "accept"),
        *("accept4", "clone", "clone3", "fork", "vfork", "execve", "procexit", "pipe", "pipe2", "eventfd", "eventfd2"),
    )
)

_SAYS_LITTLE = ("evt.res", "evt.rawres", "evt.failed", "evt.dir", "evt.type", "evt.num", "fd.num")


def pushed(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield event types with the condition that the kernel applies to them, then what is left to the engine and why.

    Event types with the same condition are joined.
    """
    users = Users()
    found, left = conditions(plan, users), dict[str, str | None]()
    types: dict[str, list[str]] = {}
    for name in sorted(plan.event_types if plan.event_types is not None else event_types(plan)):
        text = "the kernel passes all of them on"
        if plan.condition is not None and name in BY_NAME:
            row = BY_NAME[name]
            expr, bounds = specialise(plan.condition, name), decide(row, users)
            undecided = (check for check in checks(expr) if row.want & WANT_MESSAGES or bounds(check).undecided)
            left |= {shown_operand(check.left): _why(check, row) for check in undecided}
            text = f"the kernel passes on those with {shown(necessary_part(expr, bounds))}" if name in found else text
        types.setdefault(text, []).append(name)
    for text, names in types.items():
        yield ", ".join(names), text
    if left:
        yield "left to the engine", ", ".join(f"{name} ({reason})" if reason else name for name, reason in left.items())


def unfiltered(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the frequent event types all of whose events the kernel passes on because of *plan*, each with the reason.

    The result of a call, and that it failed or not, tell too little to count as a filter.
    """
    users = Users()
    found = conditions(plan, users)
    for name in sorted(plan.event_types if plan.event_types is not None else event_types(plan)):
        if name not in _FREQUENT or name not in BY_NAME or plan.condition is None:
            continue
        row = BY_NAME[name]
        expr, bounds = specialise(plan.condition, name), decide(row, users)
        left = necessary_part(expr, bounds) if name in found else TRUE
        if left == FALSE or any(shown_operand(check.left) not in _SAYS_LITTLE for check in checks(left)):
            continue
        undecided = (check for check in checks(expr) if row.want & WANT_MESSAGES or bounds(check).undecided)
        reasons = {shown_operand(check.left): _why(check, row) for check in undecided}
        told = ", ".join(f"{of} ({why})" if why else of for of, why in reasons.items())
        yield name, f"the kernel decides none of its checks: {told}" if told else "it checks nothing else"


def _why(check: Check | Exists, row: Call) -> str | None:
    """Return the reason why a check of events of *row* is undecided, or None if there is nothing to explain."""
    if not isinstance(check.left, FieldRef):
        return "it is a value computed from a field"
    if row.want & WANT_MESSAGES:
        return "one call makes several events"
    field = check.left.field
    if not isinstance(field, SyscallField):
        return None
    if field.fact is not None and isinstance(check, Check) and "\\" in str(check.right):
        return "a backslash may stand for a byte that is not UTF-8"
    return field.untold


def necessary_part(expr: Expr, decide: Decide) -> Expr:
    """Return *expr* with everything replaced by true that the kernel knows nothing of."""
    return _part(expr, decide, positive=True)


def _part(expr: Expr, decide: Decide, *, positive: bool) -> Expr:
    if isinstance(expr, Not):
        item = _part(expr.item, decide, positive=not positive)
        if item in (TRUE, FALSE):
            return FALSE if item == TRUE else TRUE
        return Not(item)
    if isinstance(expr, (And, Or)):
        return _chain(expr, [_part(item, decide, positive=positive) for item in expr.items])
    bounds = decide(expr)
    lost = bounds.over == condition.TRUE if positive else bounds.under == condition.FALSE
    return (TRUE if positive else FALSE) if lost else expr


def _chain(expr: And | Or, items: list[Expr]) -> Expr:
    neutral, decisive = (TRUE, FALSE) if isinstance(expr, And) else (FALSE, TRUE)
    if decisive in items:
        return decisive
    kept = tuple(item for item in items if item != neutral)
    return kept[0] if len(kept) == 1 else type(expr)(kept)
