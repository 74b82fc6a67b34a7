"""What passes between a source and the engine: events, batches, the plan that goes down, the numbers that come back.

A source turns whatever it reads into objects that have the four attributes of :class:`Event`. An event may have the
attributes of the protocols that follow it as well; everything else about it is reached through the fields that the
source's plugin declares.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from falcohost.stats import SourceStats
from falcohost.subject import Subject

if TYPE_CHECKING:
    from falcohost.engine.ir import Expr, FieldRef


class Event(Protocol):
    """One event, as the engine sees it."""

    @property
    def type(self) -> str:
        """Value of ``evt.type``; what the matcher's index is keyed by."""

    @property
    def ts(self) -> int:
        """When it happened: nanoseconds since the epoch, UTC."""

    @property
    def num(self) -> int:
        """Value of ``evt.num``: 1 for the first event that the source delivered, then rising."""

    @property
    def key(self) -> str:
        """Names this event among its source's events; the same when it is read again."""


class Viewed(Event, Protocol):
    """An event of a batch with :attr:`Batch.views`: it may have more than one view.

    A view says something else in some field (another name of the file). A rule matches an event if it matches one of
    its views.
    """

    @property
    def alternatives(self) -> Sequence[Event]:
        """Return the views beside the event itself, of the same type, key, number and time."""


class HasActor(Event, Protocol):
    """An event that knows who did it. Alerts of one actor keep their order, and are folded together."""

    @property
    def actor(self) -> Hashable:
        """Return what is the same for the events of one actor and no other."""


class Partial(Event, Protocol):
    """An event of which no more is decoded than conditions need."""

    def whole(self) -> None:
        """Decode the rest; called before anything is read for an alert."""


class Described(Event, Protocol):
    """An event that can say more of itself, in the generic fields (``evt.source``). It may leave out any of these.

    :ivar source: name of the event source.
    :ivar start_ts: the time of the first event that the source delivered; None before it.
    :ivar pluginname: name of the plugin; *plugininfo*: the event in one line, in the plugin's words.
    :ivar async_name: name of an asynchronous event; None for all others.
    """

    source: str
    start_ts: int | None
    pluginname: str
    plugininfo: str
    async_name: str | None


class HasSubject(Event, Protocol):
    """An event that knows who or what it is about. Read once, when an alert is made of the event."""

    @property
    def subject(self) -> Subject | None:
        """Return the subject; None where this event has none."""


def actor_of(event: Event) -> Hashable:
    """Return who did *event*; None where that is not known (:class:`HasActor`)."""
    return getattr(event, "actor", None)


def complete(event: Event) -> None:
    """Have *event* decoded as a whole, if it is not (:class:`Partial`)."""
    whole = getattr(event, "whole", None)
    if whole is not None:
        whole()


def subject_of(event: Event) -> Subject | None:
    """Return the subject of *event*, if it is one that knows it (:class:`HasSubject`)."""
    return getattr(event, "subject", None)


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in order, and the cursor that is true once all of them are handled.

    *events* may be lazy. It is iterated once, and each event is matched before the next is asked for, so a source may
    keep state (a process table) that is exact for the event just yielded.

    :ivar views: every event is a :class:`Viewed`.
    """

    events: Iterable[Event]
    cursor: str | None = None
    views: bool = False


#: The name of a field, and its argument if it has one.
Asked: TypeAlias = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rules want from one source: the push-down. A source may pass too much, never too little.

    :ivar event_types: the values of ``evt.type`` that some enabled rule can match; None means any.
    :ivar fields: names of the fields in conditions and outputs, without arguments.
    :ivar arguments: name and argument of those that have one: ``("evt.arg", "flags")``.
    :ivar condition: a necessary condition for any rule to match; None means that everything is wanted.
    :ivar also_read: what conditions read beside the fields in *condition*: keys of lookups, and fields that they fill.
    :ivar by_type: by event type, what the rules ask for that can match it; None where rules match any type.
    """

    source: str
    event_types: frozenset[str] | None = None
    fields: frozenset[str] = frozenset()
    arguments: frozenset[tuple[str, str]] = frozenset()
    condition: Expr | None = None
    by_type: Mapping[str, frozenset[Asked]] | None = None
    also_read: frozenset[FieldRef] = frozenset()

    def asked_of(self, event_type: str) -> frozenset[Asked]:
        """Return the fields, each with its argument, that are asked of events of this type."""
        if self.by_type is not None:
            return self.by_type.get(event_type, frozenset())
        return self.arguments.union((name, None) for name in self.fields)


@runtime_checkable
class Source(Protocol):
    """A stream of events. Made unopened by the factory in its :class:`~falcohost.hookspecs.SourceSpec`."""

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Start. Takes every privilege it needs to start; the worker drops the rest right after.

        :raises SourceError: with a sentence that says what is missing and what to do.
        """

    def batches(self) -> Iterator[Batch]:
        """Yield batches until the source has ended. Yields an empty batch at least once a second when idle."""

    def update(self, plan: Plan) -> None:
        """Go over to *plan* without losing an event."""

    def ack(self, cursor: str) -> None:
        """All alerts up to *cursor* are stored."""

    def stats(self) -> SourceStats:
        """Return the numbers so far."""

    def close(self) -> None:
        """Release everything. Called once, also after a failure."""


@runtime_checkable
class MeasuredSource(Protocol):
    """A source that can measure what its events cost before they reach it (``TypeCount.ns``)."""

    def measure(self, on: bool) -> None:
        """Measure from now on, or no longer: it costs something itself, so it is on only while somebody looks."""
