"""Raises falcohost's alerts about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from falcohost.alert import Alert, Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.alerts import AlertMaker
from falcohost.host import wire
from falcohost.host.capturing.messages import SIZE
from falcohost.log import log

_UNDECIDED = "Falcohost internal: rule undecided"
_SIZE_LIMIT = "Falco internal: capture size limit reached"
_NOT_RECORDED = "Falcohost internal: capture not recorded"


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

    def raise_captured(self, source: str, told: wire.Captured) -> None:
        """Tell what has become of a capture of *source*: in the log, or in an alert if it has ended early."""
        if not told.ended:
            log.info("%s: a capture has begun: %s", source, told.path)
        elif not told.why:
            log.info("%s: a capture has ended: %s, %d bytes", source, told.path, told.size)
        elif told.why == SIZE:
            text = f"{_SIZE_LIMIT}: {told.path} has {told.size} bytes"
            fields: dict[str, object] = {"source": source, "path": told.path, "written_bytes": told.size}
            self.raise_alert(_SIZE_LIMIT, Priority.INFORMATIONAL, text, fields)
        else:
            what = f"{told.path} has ended early" if told.path else "No capture was recorded of an alert"
            fields = {"source": source, "path": told.path, "written_bytes": told.size, "reason": told.why}
            self.raise_alert(_NOT_RECORDED, Priority.WARNING, f"{what}: {told.why}", fields)
