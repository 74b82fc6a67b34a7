"""Calls that keep a process table in user space true, where rules ask for what they change."""

from __future__ import annotations

from falcohost import Plan
from falcohost_syscall.calls.rows import BY_NAME, EXEC, FORKS

_SESSION_CALLS = frozenset({"setsid", "setpgid"})
_CWD_CALLS = frozenset({"chdir", "fchdir"})
_SESSION_FIELDS = (
    *("proc.sid", "proc.sname", "proc.pgid", "proc.vpgid", "proc.tty"),
    *("proc.is_sid", "proc.is_pgid", "proc.is_vpgid"),
)


def table_calls(plan: Plan) -> frozenset[str]:
    """Return the event types without which a table that is told of all processes would not say what *plan* asks."""
    types: frozenset[str] = frozenset()
    if asks_for_sessions(plan):
        types |= _SESSION_CALLS
    if asks_for_directories(plan):
        types |= _CWD_CALLS
    return types


def asks_for_sessions(plan: Plan) -> bool:
    """Tell whether a rule asks for sessions or process groups."""
    return any(name.startswith(_SESSION_FIELDS) for name in plan.fields)


def asks_for_directories(plan: Plan) -> bool:
    """Tell whether a rule asks for working directories."""
    return "proc.cwd" in plan.fields or shows(plan, "cwd")


def shows(plan: Plan, name: str) -> bool:
    """Tell whether a rule may ask for this parameter of an exec, or of a fork that has it too."""
    for row in (BY_NAME[event_type] for event_type in (EXEC, *FORKS)):
        arguments = {name, str(row.param_index.get(name))}
        shown = {(field, argument) for field in ("evt.arg", "evt.rawarg") for argument in arguments}
        if not plan.asked_of(row.name).isdisjoint(shown | {("evt.args", None), ("evt.info", None)}):
            return True
    return False
