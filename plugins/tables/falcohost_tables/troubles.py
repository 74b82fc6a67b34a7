"""Tells of tables that cannot be used: in the log, and to falcohost, which raises an alert if it lasts."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from falcohost.clock import Clock
from falcohost_tables.rows import State

_log = logging.getLogger("falcohost")


class Troubles:
    """The tables that have a problem, each with its sentence and the time since when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failing: dict[str, tuple[str, float]] = {}

    def tell(self, states: Mapping[str, State]) -> None:
        """Log what is new in *states*."""
        for name, state in states.items():
            told, since = self._failing.get(name, ("", self._clock.monotonic()))
            if state.problem == told:
                continue
            if state.problem:
                self._failing[name] = state.problem, since
                kept = "the former table stays in use" if state.taken else "nothing is known of what is in it"
                _log.warning("table '%s': %s; %s", name, state.problem, kept)
            else:
                del self._failing[name]
                _log.info("table '%s': works again", name)

    def problem(self) -> tuple[str, int]:
        """Return the problem that has lasted longest, and its seconds; an empty text: there is none."""
        if not self._failing:
            return "", 0
        name, (problem, since) = min(self._failing.items(), key=lambda one: one[1][1])
        return f"table '{name}': {problem}", int(self._clock.monotonic() - since)
