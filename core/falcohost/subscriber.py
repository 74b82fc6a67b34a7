"""Subscribers: plugin objects that receive alerts in order and may answer with alerts of their own.

A subscriber correlates alerts, or acts on them. It receives all alerts after its mark; retries, back-off, order and the
mark are the host's task. The host stores its answer and the new mark in one transaction: if the agent dies, the last
alerts are either answered completely, or delivered again.

An output is a subscriber that answers nothing; it has its own protocol (:class:`falcohost.Output`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct, field

from falcohost.alert import Alert, Priority
from falcohost.subject import Subject

__all__ = ["Answer", "NewAlert", "Subscriber", "SubscriberSpec", "TimedSubscriber"]

#: Most alerts in one delivery; most alerts, and most bytes of state, in one answer.
MOST_TAKEN = 1000
MOST_ANSWERED = 1000
MOST_STATE = 1 << 20

#: An alert of this depth goes to outputs only, so that two subscribers that answer each other's alerts come to an end.
LONGEST_CHAIN = 4


class NewAlert(Struct, frozen=True, kw_only=True):
    """An alert that a subscriber raises. The host adds id, source (the subscriber's name), hostname and output line.

    :ivar rule: name of the finding, like that of a rule.
    :ivar priority: its priority.
    :ivar message: one line that says what was found, with the values that matter.
    :ivar fields: output fields with their JSON values.
    :ivar tags: its tags.
    :ivar subjects: who or what it is about.
    :ivar time: nanoseconds since the epoch; None: the time of the last alert that the subscriber received, or the time
        that was due.
    :ivar description: what this finding means, like a rule's ``desc``.
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
    """A subscriber's answer: new alerts, and its new state (None: unchanged)."""

    alerts: Sequence[NewAlert] = ()
    state: bytes | None = None


class Subscriber(Protocol):
    """Receives alerts in order. Called from a single thread; never receives its own alerts."""

    def take(self, alerts: Sequence[Alert]) -> Answer | None:
        """Process one or more *alerts*; return the answer, or None for no answer.

        If it raises, the host logs the error, closes the subscriber, makes a new one from the last stored state, and
        delivers the same alerts again.
        """

    def close(self) -> None:
        """Release everything."""


@runtime_checkable
class TimedSubscriber(Subscriber, Protocol):
    """A subscriber that is also called at times it chooses, to notice what is missing, such as a heartbeat."""

    def due(self) -> int | None:
        """Return the time of the next :meth:`tick`, in nanoseconds since the epoch; None: no tick.

        Called after each alert and each tick. It has to follow from the state, so that a recreated subscriber returns
        the same.
        """

    def tick(self, now: int) -> Answer | None:
        """Answer to the time, as :meth:`take` answers to alerts; *now* is the time that was due, or later.

        Called when every stored alert has been taken, at most once a second, and not while the agent is ending. A time
        that has passed while no agent ran is due at once. If it raises, it is called again as :meth:`take` is.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberSpec:
    """A subscriber that a plugin offers.

    :ivar name: the key of its mark and state in the store, and the source of its alerts. It must differ from the names
        of event sources and outputs.
    :ivar description: one line that ends with a full stop.
    :ivar make: called with the plugin's own configuration and the last stored state (None: there is none yet); returns
        the subscriber.
    :ivar files: called with that configuration; returns the paths of files that
        :func:`falcohost.appending.open_appending` opens for the subscriber as the agent's user.
    :ivar connects: works like :attr:`falcohost.OutputSpec.connects`.
    """

    name: str
    description: str
    make: Callable[[Mapping[str, Any], bytes | None], Subscriber]
    files: Callable[[Mapping[str, Any]], Iterable[str]] | None = None
    connects: Callable[[Mapping[str, Any]], Iterable[str]] | None = None
