"""Subscribers: what a plugin has alerts handed to, in order, and what it may answer.

A subscriber correlates alerts and raises alerts of its own, or acts on them. It is given all alerts from its mark on;
retry, back-off, order and the mark are the host's. Its answer is stored together with the mark, in one transaction:
whenever the agent dies, what it was given last is either answered as a whole, or given to it again.

An output is a subscriber that answers nothing; it has a protocol of its own (:class:`falcohost.Output`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec import Struct, field

from falcohost.alert import Alert, Priority
from falcohost.subject import Subject

__all__ = ["Answer", "NewAlert", "Subscriber", "SubscriberSpec"]

#: Most alerts that a subscriber is given at a time; most alerts, and bytes of state, that it may answer.
MOST_TAKEN = 1000
MOST_ANSWERED = 1000
MOST_STATE = 1 << 20

#: An alert that has come through so many subscribers is given to outputs only, so that two that raise alerts about each
#: other's alerts come to an end.
LONGEST_CHAIN = 4


class NewAlert(Struct, frozen=True, kw_only=True):
    """An alert that a subscriber raises. Its id, source (the subscriber's name), hostname and text line are the host's.

    :ivar message: one line that says what was found, with the values that matter.
    :ivar time: nanoseconds since the epoch; None: the time of the last alert that it was given.
    :ivar description: what it means that this was found; as a rule's ``desc``.
    """

    rule: str
    priority: Priority
    message: str
    fields: Mapping[str, object] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    subjects: tuple[Subject, ...] = ()
    time: int | None = None
    description: str = ""


class Answer(Struct, frozen=True):
    """What a subscriber answers: alerts of its own, and its new state (None: it stays as it is)."""

    alerts: Sequence[NewAlert] = ()
    state: bytes | None = None


class Subscriber(Protocol):
    """Takes alerts, in order. It is called by one thread, and never given its own alerts."""

    def take(self, alerts: Sequence[Alert]) -> Answer | None:
        """Return what follows from *alerts*, one or more; None: nothing.

        Whatever it raises, the host logs it, closes the subscriber, has a new one made with the state that was stored
        last, and gives it the same alerts again.
        """

    def close(self) -> None:
        """Release everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberSpec:
    """A subscriber that a plugin offers.

    :ivar name: names its mark and state in the store, and is the source of its alerts. No event source and no output
        may have the same.
    :ivar description: one line that ends with a full stop.
    :ivar make: called with the plugin's own configuration and the state that was stored last (None: there is none yet).
    """

    name: str
    description: str
    make: Callable[[Mapping[str, Any], bytes | None], Subscriber]
