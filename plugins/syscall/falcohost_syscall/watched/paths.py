"""Chooses the files to watch by inode: those that rules name in full, and those that the configuration names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from falcohost import Plan
from falcohost.ir import And, Check, Exists, Expr, FieldRef, Not, Or
from falcohost_syscall.fields.field import SyscallField

#: In ``falcohost.watch_inodes``: all paths that rules name in full.
RULES: Final = "rules"
#: The longest path of a watched file, in bytes.
LONGEST_WATCHED: Final = 255


def watched_paths(setting: Iterable[str], plan: Plan) -> frozenset[str]:
    """Return the paths that ``falcohost.watch_inodes`` stands for."""
    found = set(setting)
    if RULES in found:
        found |= set() if plan.condition is None else set(_named(plan.condition, positive=True))
    return frozenset(found - {RULES})


def _named(expr: Expr, *, positive: bool) -> Iterator[str]:
    """Yield the paths that a file's name is compared with in full, where equality can make a rule fire."""
    if isinstance(expr, Not):
        yield from _named(expr.item, positive=not positive)
    elif isinstance(expr, (And, Or)):
        for item in expr.items:
            yield from _named(item, positive=positive)
    elif positive and not isinstance(expr, Exists) and _compares_names(expr):
        right = expr.right if isinstance(expr.right, tuple) else (expr.right,)
        yield from (value for value in right if isinstance(value, str) and is_watchable(value))


def _compares_names(check: Check) -> bool:
    field = check.left.field if isinstance(check.left, FieldRef) else None
    return isinstance(field, SyscallField) and field.names_file and check.op in ("=", "in") and not check.modifier


def is_watchable(path: str) -> bool:
    """Return whether a file can be watched by this path: it has to be absolute, and short enough for the probe."""
    return path.startswith("/") and len(path.encode(errors="replace")) <= LONGEST_WATCHED and "\0" not in path
