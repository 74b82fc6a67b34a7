"""A plugin's subscriber on its runner: is made with its state, given what it may have, and made again when it fails."""

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
from falcohost.subscribers.taker import Taken


class Consumer:
    """Hands alerts to the subscriber of *spec*; makes alerts of what it answers.

    :param state: what was stored last.
    """

    def __init__(
        self, spec: SubscriberSpec, settings: Mapping[str, Any], state: bytes | None, maker: AlertMaker
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._state = state
        self._maker = maker
        self._subscriber: Subscriber | None = spec.make(settings, state)

    def take(self, mark: int, alerts: list[Alert]) -> Taken:
        """Return what the subscriber answers to those of *alerts* that it may have.

        :raises PluginError: its answer is none.
        """
        subscriber = self._made()
        raised: list[Alert] = []
        state = None
        # All that it is given at a time has come through as many subscribers, so that one can tell of its own alerts.
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
        """Return when the clock is to call the subscriber; None: not at all.

        :raises PluginError: what it says is no time.
        """
        subscriber = self._made()
        due = subscriber.due() if isinstance(subscriber, TimedSubscriber) else None
        if not isinstance(due, int | None):
            raise PluginError(f"what is due is no time in nanoseconds, but {type(due).__name__}")
        return due

    def tick(self, mark: int, due: int, now: int) -> Taken:
        """Return what the subscriber answers to the clock. Its alerts begin a chain.

        :raises PluginError: its answer is none.
        """
        subscriber = self._made()
        assert isinstance(subscriber, TimedSubscriber)
        answer = self._checked(subscriber.tick(now))
        raised = [self._raised(new, f"{mark} at {due} {number}", due, 1) for number, new in enumerate(answer.alerts)]
        self._state = self._state if answer.state is None else answer.state
        return Taken(raised, answer.state)

    def recover(self) -> None:
        """Have it made again with the state that was stored last, before it is given anything more."""
        if self._subscriber is not None:
            with contextlib.suppress(Exception):
                self._subscriber.close()
        self._subscriber = None

    def reopen(self) -> None:
        """Do nothing: what is open is its own."""

    def close(self) -> None:
        """Close it."""
        if self._subscriber is not None:
            self._subscriber.close()

    def _made(self) -> Subscriber:
        if self._subscriber is None:
            self._subscriber = self._spec.make(self._settings, self._state)
        return self._subscriber

    def _raised(self, new: NewAlert, key: str, time: int, depth: int) -> Alert:
        """Return the alert *new*, which is of *time* unless it says another."""
        at = time if new.time is None else new.time
        alert = self._maker.raised(self._spec.name, new, key=key, time=at, depth=depth)
        return _decode(_encode(alert))  # so that the store is given nothing that it cannot keep

    def _may_have(self, alert: Alert) -> bool:
        """Return whether it is given *alert*: not its own, nor one at the end of a chain of subscribers."""
        return alert.depth == 0 or (alert.source != self._spec.name and alert.depth < LONGEST_CHAIN)

    def _checked(self, answer: Answer | None) -> Answer:
        if answer is None:
            return Answer()
        if not isinstance(answer, Answer) or not isinstance(answer.state, bytes | None):
            raise PluginError("its answer is no Answer, or its state no bytes")
        if answer.state is not None and len(answer.state) > MOST_STATE:
            raise PluginError(f"its state has {len(answer.state)} bytes; {MOST_STATE} are the most")
        if (more := len(answer.alerts) - MOST_ANSWERED) > 0:
            log.error("subscriber '%s' raised too many alerts at once; %d are left out", self._spec.name, more)
            return Answer(answer.alerts[:MOST_ANSWERED], answer.state)
        return answer


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alert).decode
