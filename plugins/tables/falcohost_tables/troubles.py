"""Tells of tables that cannot be used: in the log, and as what the source tries again, which becomes an alert."""

from __future__ import annotations

from collections.abc import Mapping

from falcohost.clock import Clock
from falcohost.poll import BackOff, Failures, PollError
from falcohost_tables.rows import State


class Troubles:
    """The tables that have a problem."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failing: dict[str, tuple[Failures, str]] = {}

    def tell(self, states: Mapping[str, State]) -> None:
        """Log what is new in *states*."""
        for name, state in states.items():
            failures, told = self._failing.get(name, (None, ""))
            if state.problem == told:
                continue
            if failures is None:
                failures = Failures(f"table '{name}'", BackOff(), self._clock, endless=True)
            if state.problem:
                kept = "the former table stays in use" if state.taken else "nothing is known of what is in it"
                failures.failed(PollError(f"{state.problem}; {kept}"))
            else:
                failures.succeeded()
            self._failing[name] = failures, state.problem
