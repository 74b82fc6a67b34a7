"""Adapts a plugin's subscriber to its runner: makes it with its state, filters its alerts, remakes it on failure."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import msgspec

from falcohost.alert import Alert
from falcohost.engine.alerts import AlertMaker
from falcohost.errors import PluginError
from falcohost.log import log
from falcohost.subscriber import (
    LONGEST_CHAIN,
    MOST_ANSWERED,
    MOST_STATE,
    Answer,
    NewAlert,
    Subscriber,
    SubscriberSpec,
    TimedSubscriber,
)
from falcohost.subscribers.taker import Arrived, Taken, ignore


class Consumer:
    """Passes alerts to the subscriber of *spec*, and makes alerts from its answers.

    :param state: the last stored state.
    """

    def __init__(
        self, spec: SubscriberSpec, settings: Mapping[str, Any], state: bytes | None, maker: AlertMaker
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._state = state
        self._maker = maker
        self._subscriber: Subscriber | None = spec.make(settings, state)

    def take(self, mark: int, alerts: list[Alert], arrived: Arrived = ignore) -> Taken:
        """Return the subscriber's answer to those of *alerts* that it may receive.

        :raises PluginError: its answer is not valid.
        """
        subscriber = self._made()
        raised: list[Alert] = []
        state = None
        # Each delivery has alerts of one depth only, so that the depth of the subscriber's own alerts is defined.
        for depth, given in groupby(filter(self._may_have, alerts), lambda alert: alert.depth):
            batch = list(given)
            answer = self._checked(subscriber.take(batch))
            state = state if answer.state is None else answer.state
            for new in answer.alerts:
                key = f"{mark} {alerts[0].id} {len(raised)}"
                raised.append(self._raised(new, key, batch[-1].time, depth + 1))
        self._state = self._state if state is None else state
        return Taken(raised, state)

    def due(self) -> int | None:
        """Return the time of the subscriber's next :meth:`tick`; None: no tick.

        :raises PluginError: the subscriber's answer is not a time.
        """
        subscriber = self._made()
        due = subscriber.due() if isinstance(subscriber, TimedSubscriber) else None
        if not isinstance(due, int | None):
            raise PluginError(f"due() has to return a time in nanoseconds or None, not {type(due).__name__}")
        return due

    def tick(self, mark: int, due: int, now: int) -> Taken:
        """Return the subscriber's answer to the time *due*. Its alerts begin a chain.

        :raises PluginError: its answer is not valid.
        """
        subscriber = self._made()
        assert isinstance(subscriber, TimedSubscriber)
        answer = self._checked(subscriber.tick(now))
        raised = [self._raised(new, f"{mark} at {due} {number}", due, 1) for number, new in enumerate(answer.alerts)]
        self._state = self._state if answer.state is None else answer.state
        return Taken(raised, answer.state)

    def recover(self) -> None:
        """Close the subscriber; the next call makes a new one from the last stored state."""
        if self._subscriber is not None:
            with contextlib.suppress(Exception):
                self._subscriber.close()
        self._subscriber = None

    def reopen(self) -> None:
        """Do nothing: a subscriber manages its own files."""

    def close(self) -> None:
        """Close the subscriber."""
        if self._subscriber is not None:
            self._subscriber.close()

    def _made(self) -> Subscriber:
        if self._subscriber is None:
            self._subscriber = self._spec.make(self._settings, self._state)
        return self._subscriber

    def _raised(self, new: NewAlert, key: str, time: int, depth: int) -> Alert:
        """Return the alert *new*; *time* is its time unless it has one of its own.

        :raises PluginError: the store could not keep it.
        """
        try:
            at = time if new.time is None else new.time
            alert = self._maker.raised(self._spec.name, new, key=key, time=at, depth=depth)
            return _decode(_encode(alert))
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise PluginError(f"an alert that it raised is not valid: {type(error).__name__}: {error}") from error

    def _may_have(self, alert: Alert) -> bool:
        """Return whether it may receive *alert*: not its own alerts, nor those at the maximum depth."""
        return alert.depth == 0 or (alert.source != self._spec.name and alert.depth < LONGEST_CHAIN)

    def _checked(self, answer: Answer | None) -> Answer:
        if answer is None:
            return Answer()
        if not isinstance(answer, Answer) or not isinstance(answer.state, bytes | None):
            raise PluginError("its answer has to be an Answer, with a state of bytes or None")
        if answer.state is not None and len(answer.state) > MOST_STATE:
            raise PluginError(f"its state has {len(answer.state)} bytes, more than the limit of {MOST_STATE}")
        if (more := len(answer.alerts) - MOST_ANSWERED) > 0:
            log.error("subscriber '%s' raised too many alerts at once; %d were dropped", self._spec.name, more)
            return Answer(answer.alerts[:MOST_ANSWERED], answer.state)
        return answer


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alert).decode
