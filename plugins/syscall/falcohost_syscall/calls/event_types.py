"""Chooses the event types to collect for a plan."""

from __future__ import annotations

from falcohost import Plan
from falcohost_syscall.calls.rows import BY_NAME, NOT_BY_DEFAULT


def event_types(plan: Plan) -> frozenset[str]:
    """Return the event types that *plan* asks for and that can be collected."""
    if plan.event_types is None:
        return frozenset(BY_NAME) - NOT_BY_DEFAULT
    return plan.event_types & frozenset(BY_NAME)
