"""The contract of a subscriber, as tests: it can be recreated at any moment with its last state, without a difference.

The host relies on that: after a crash or an error, only its state is left of a subscriber.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest

from falcohost.alert import Alert
from falcohost.subscriber import (
    MOST_ANSWERED,
    MOST_STATE,
    Answer,
    NewAlert,
    Subscriber,
    SubscriberSpec,
    TimedSubscriber,
)
from falcohost.testing.outputs import alert
from falcohost.testing.sentences import is_sentence


class SubscriberContract:
    """Subclass it, set :attr:`plugin` and :attr:`subscriber`, and define :meth:`alerts`.

    :ivar plugin: the plugin's module.
    :ivar subscriber: the subscriber's name in its :class:`~falcohost.subscriber.SubscriberSpec`.
    """

    plugin: Any
    subscriber: str

    @pytest.fixture
    def config(self, tmp_path: Any) -> Mapping[str, Any]:
        """Return the plugin's configuration."""
        return MappingProxyType({})

    def alerts(self) -> Sequence[Alert]:
        """Return alerts that make the subscriber answer."""
        return [alert(str(number)) for number in range(10)]

    def spec(self, config: Mapping[str, Any]) -> SubscriberSpec:
        """Return the spec under test."""
        hook = self.plugin.falcohost_subscribers
        takes_settings = "settings" in hook.__code__.co_varnames[: hook.__code__.co_argcount]
        specs: Iterable[SubscriberSpec] = hook(settings=config) if takes_settings else hook()
        return next(spec for spec in specs if spec.name == self.subscriber)

    def test_description_is_a_sentence(self, config: Mapping[str, Any]) -> None:
        """A description is one line that ends with a full stop."""
        assert is_sentence(self.spec(config).description)

    def test_answers_are_bounded(self, config: Mapping[str, Any]) -> None:
        """Each call returns an answer, with no more alerts and no larger state than the host accepts."""
        for answer, _ in self._one_by_one(config):
            _bounded(answer)

    def test_says_something(self, config: Mapping[str, Any]) -> None:
        """Some of the alerts are answered by an alert or a state, so that the other tests are worth something."""
        assert any(answer.alerts or answer.state for answer, _ in self._one_by_one(config))

    def test_begins_anew_anywhere(self, config: Mapping[str, Any]) -> None:
        """A subscriber recreated with its last state before each alert gives the same answers as one that lives on."""
        living = [one for answer, _ in self._one_by_one(config) for one in answer.alerts]
        renewed = [one for answer, _ in self._one_by_one(config, renewed=True) for one in answer.alerts]

        assert living == renewed

    def test_is_the_same_again(self, config: Mapping[str, Any]) -> None:
        """The same alerts with the same state, as after a crash, get the same answers."""
        before: bytes | None = None
        for answer, one in self._one_by_one(config, renewed=True):
            assert answer == self._taken(config, before, one)
            before = before if answer.state is None else answer.state

    def test_alerts_may_come_together(self, config: Mapping[str, Any]) -> None:
        """Alerts that come together raise the same alerts as one by one."""
        one_by_one = [one for answer, _ in self._one_by_one(config) for one in answer.alerts]
        together = self._taken(config, None, *self.alerts())

        assert one_by_one == list(together.alerts)

    def test_what_is_due_follows_from_its_state(self, config: Mapping[str, Any]) -> None:
        """A recreated subscriber is due at the same time, and answers the same."""
        spec, state = self.spec(config), None
        living = spec.make(config, None)
        for one in self.alerts():
            answer = living.take([one]) or Answer()
            state = state if answer.state is None else answer.state
            renewed = spec.make(config, state)
            assert _due(living) == _due(renewed)
            if (due := _due(renewed)) is not None:
                assert isinstance(renewed, TimedSubscriber)
                told = _bounded(renewed.tick(due))
                assert told == _bounded(self._timed(config, state).tick(due))
                later = _due(renewed)
                assert later is None or later > due
            renewed.close()
        living.close()

    def _timed(self, config: Mapping[str, Any], state: bytes | None) -> TimedSubscriber:
        made = self.spec(config).make(config, state)
        assert isinstance(made, TimedSubscriber)
        return made

    def _one_by_one(self, config: Mapping[str, Any], *, renewed: bool = False) -> list[tuple[Answer, Alert]]:
        """Return the answer to each alert; *renewed*: each from a new subscriber with the state of the one before."""
        spec, found = self.spec(config), []
        subscriber, state = spec.make(config, None), None
        for one in self.alerts():
            if renewed:
                subscriber.close()
                subscriber = spec.make(config, state)
            answer = subscriber.take([one]) or Answer()
            state = state if answer.state is None else answer.state
            found.append((answer, one))
        subscriber.close()
        return found

    def _taken(self, config: Mapping[str, Any], state: bytes | None, *alerts: Alert) -> Answer:
        subscriber = self.spec(config).make(config, state)
        try:
            return subscriber.take(list(alerts)) or Answer()
        finally:
            subscriber.close()


def _due(subscriber: Subscriber) -> int | None:
    return subscriber.due() if isinstance(subscriber, TimedSubscriber) else None


def _bounded(answer: Answer | None) -> Answer:
    """Return the answer, which is one that the host takes."""
    answer = answer or Answer()
    assert len(answer.alerts) <= MOST_ANSWERED
    assert all(isinstance(one, NewAlert) for one in answer.alerts)
    assert answer.state is None or len(answer.state) <= MOST_STATE
    return answer
