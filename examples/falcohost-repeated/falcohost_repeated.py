"""A correlation: several alerts of one rule about one subject, within a time, become one alert."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from falcohost import Alert, ProcessSubject, Subject, hookimpl
from falcohost.subscriber import Answer, NewAlert, SubscriberSpec

falcohost_api = 1

#: So many pairs of rule and subject are remembered; beyond them the one that is quiet longest is forgotten.
MOST_REMEMBERED = 1000

SECOND = 1_000_000_000


class Repeated:
    """Raises an alert when one rule has fired *count* times about one subject within *seconds*; then starts again.

    :param state: the last state that :meth:`take` has returned.
    """

    def __init__(self, count: int, seconds: float, state: bytes | None) -> None:
        self._count = count
        self._span = int(seconds * SECOND)
        self._times: OrderedDict[str, list[int]] = OrderedDict(json.loads(state) if state else ())

    @classmethod
    def from_config(cls, settings: Mapping[str, Any], state: bytes | None) -> Repeated:
        """Make one from the plugin's ``init_config``: ``count`` (default 5) and ``seconds`` (default 60)."""
        return cls(int(settings.get("count", 5)), float(settings.get("seconds", 60)), state)

    def take(self, alerts: Sequence[Alert]) -> Answer:
        """Answer what has come together with these alerts of rules, and the times that are still of interest."""
        of_rules = [alert for alert in alerts if alert.depth == 0]
        full = [(alert, subject) for alert in of_rules for subject in alert.subjects if self._is_full(alert, subject)]
        state = json.dumps(list(self._times.items())).encode()
        return Answer([self._alert(alert, subject) for alert, subject in full], state)

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _is_full(self, alert: Alert, subject: Subject) -> bool:
        """Count *alert*, which may stand for several; return whether there were enough in time."""
        key = hashlib.blake2b(f"{alert.rule}\0{subject!r}".encode(), digest_size=12).hexdigest()
        before = self._times.pop(key, [])
        now = [alert.time] * min(alert.count, self._count)
        times = [time for time in (*before, *now) if time > alert.time - self._span]
        if len(times) >= self._count:
            return True
        self._times[key] = times
        if len(self._times) > MOST_REMEMBERED:
            self._times.popitem(last=False)
        return False

    def _alert(self, alert: Alert, subject: Subject) -> NewAlert:
        seconds = self._span / SECOND
        return NewAlert(
            rule=f"Repeated: {alert.rule}",
            priority=alert.priority,
            message=f"{alert.rule}: {self._count} times within {seconds:g} s | {shown(subject)}",
            fields={"repeated.count": self._count, "repeated.last": alert.id},
            tags=alert.tags,
            subjects=(subject,),
            time=alert.time,
            description=f"The rule fired {self._count} times about the same subject within {seconds:g} s.",
        )


def shown(subject: Subject) -> str:
    """Return a subject in a few words."""
    return f"process {subject.pid}" if isinstance(subject, ProcessSubject) else f"{subject.kind} {subject.name}"


@hookimpl
def falcohost_subscribers() -> Iterable[SubscriberSpec]:
    """Offer the correlation."""
    return [
        SubscriberSpec(
            name="repeated",
            description="Raises an alert when a rule fires again and again about one subject.",
            make=Repeated.from_config,
        )
    ]
