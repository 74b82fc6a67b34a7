"""Raises falcohost's alerts about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from falcohost.alert import Alert, Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.alerts import AlertMaker
from falcohost.host import wire

_UNDECIDED = "Falcohost internal: rule undecided"


class InternalAlerts:
    """Makes alerts about falcohost itself, and passes them to *send*."""

    def __init__(self, maker: AlertMaker, send: Callable[[Alert], None], clock: Clock = SYSTEM) -> None:
        self._maker = maker
        self._send = send
        self._clock = clock

    def raise_alert(self, rule: str, priority: Priority, text: str, fields: Mapping[str, object]) -> None:
        """Raise an alert about falcohost itself, unless it is switched off."""
        if rule not in self._maker.off:
            self._send(self._maker.internal(rule, priority, text, fields, self._clock.time_ns()))

    def raise_undecided(self, source: str, told: wire.Undecided) -> None:
        """Raise an alert about a rule that *source* could not decide."""
        names = ", ".join(told.fields)
        text = f"Rule {told.rule} was not decided on {told.events} events: only the beginning of {names} is known"
        fields = {"source": source, "rule": told.rule, "fields": list(told.fields), "events": told.events}
        self.raise_alert(_UNDECIDED, Priority.WARNING, text, fields)
