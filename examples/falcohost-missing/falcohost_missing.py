"""A correlation of what does not happen: a rule that has not fired for some time becomes an alert."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from falcohost import Alert, ConfigError, Priority, hookimpl
from falcohost.subscriber import Answer, NewAlert, SubscriberSpec

falcohost_api = 1

SECOND = 1_000_000_000


class Missing:
    """Raises an alert when a rule that has fired does not fire again within its time; once, until it fires again.

    It is for sources that tell of events as they happen: what is read later than its time counts as missing until then.

    :param within: by rule, the seconds within which it has to fire again.
    :param state: the last answer's state: by rule, when it was last seen, for those that are waited for.
    """

    def __init__(self, within: Mapping[str, float], state: bytes | None) -> None:
        self._within = within
        seen: dict[str, int] = json.loads(state) if state else {}
        self._seen = {rule: time for rule, time in seen.items() if rule in within}

    @classmethod
    def from_config(cls, settings: Mapping[str, Any], state: bytes | None) -> Missing:
        """Make one from the plugin's ``init_config``: ``rules``, which maps names of rules to seconds.

        :raises ConfigError: there are none, or a number is not positive.
        """
        rules = settings.get("rules")
        if not isinstance(rules, Mapping) or not rules:
            raise ConfigError("the plugin 'missing' needs 'rules' in its init_config: names of rules with seconds")
        for rule, seconds in rules.items():
            if not isinstance(seconds, int | float) or not seconds > 0:
                raise ConfigError(f"the plugin 'missing': rules: {rule}: expected a number of seconds above 0")
        return cls(rules, state)

    def take(self, alerts: Sequence[Alert]) -> Answer:
        """Note when the rules were seen."""
        for alert in alerts:
            if alert.rule in self._within and alert.depth == 0:
                self._seen[alert.rule] = max(alert.time, self._seen.get(alert.rule, 0))
        return Answer((), self._state())

    def due(self) -> int | None:
        """Return when the first of the rules that are waited for is late."""
        return min(map(self._late, self._seen), default=None)

    def tick(self, now: int) -> Answer:
        """Raise an alert for each rule that is late, and wait for it no longer."""
        late = sorted(rule for rule in self._seen if self._late(rule) <= now)
        raised = [self._alert(rule) for rule in late]
        for rule in late:
            del self._seen[rule]
        return Answer(raised, self._state())

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _late(self, rule: str) -> int:
        return self._seen[rule] + int(self._within[rule] * SECOND)

    def _state(self) -> bytes:
        return json.dumps(self._seen).encode()

    def _alert(self, rule: str) -> NewAlert:
        seconds = self._within[rule]
        return NewAlert(
            rule=f"Missing: {rule}",
            priority=Priority.WARNING,
            message=f"{rule} has not fired for {seconds:g} s",
            fields={"missing.rule": rule, "missing.seconds": seconds},
            time=self._late(rule),
            description="A rule that should fire again and again has not fired for some time.",
        )


@hookimpl
def falcohost_subscribers() -> Iterable[SubscriberSpec]:
    """Offer the correlation."""
    about = "Raises an alert when a rule has not fired for some time."
    return [SubscriberSpec(name="missing", description=about, make=Missing.from_config)]
