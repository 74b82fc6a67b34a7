"""The interface between a source and the engine: events, batches, and the plan that tells a source what rules want.

A source turns what it reads into objects with the four attributes of :class:`Event`. An event may also have the
attributes of the other protocols here; everything else about it is read through the fields that the source's plugin
declares.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from falcohost.stats import SourceStats
from falcohost.subject import MOST_SUBJECTS, ResourceSubject, Subject

if TYPE_CHECKING:
    from pathlib import Path
    from socket import socket

    from falcohost.engine.ir import Expr, FieldRef


class Event(Protocol):
    """One event, as the engine sees it."""

    @property
    def type(self) -> str:
        """Value of ``evt.type``; the matcher's index is keyed by it."""

    @property
    def ts(self) -> int:
        """Time of the event: nanoseconds since the epoch, UTC."""

    @property
    def num(self) -> int:
        """Value of ``evt.num``: 1 for the source's first event, then rising."""

    @property
    def key(self) -> str:
        """Identifies this event among its source's events; the same when it is read again."""


class Viewed(Event, Protocol):
    """An event that may have more than one view, in a batch with :attr:`Batch.views`.

    Views differ in the value of some field (another name of the same file). A rule matches an event if it matches one
    of its views.
    """

    @property
    def alternatives(self) -> Sequence[Event]:
        """Return the views other than the event itself; type, key, number and time are the event's."""


class HasActor(Event, Protocol):
    """An event that knows who caused it. Alerts of one actor keep their order and are folded together."""

    @property
    def actor(self) -> Hashable:
        """Return a value that is the same for all events of one actor, and different for every other actor."""


class Partial(Event, Protocol):
    """An event that is decoded only as far as conditions need."""

    def whole(self) -> None:
        """Decode the rest. Called before anything is read for an alert."""


class PartialFor(Partial, Protocol):
    """A partial event that knows which fields it has already."""

    def whole_for(self, fields: tuple[FieldRef, ...]) -> None:
        """Decode the rest, unless the event has all that outputs show of *fields*."""


class Described(Event, Protocol):
    """An event with values for the generic fields (``evt.source``). It may leave out any of these attributes.

    :ivar source: name of the event source.
    :ivar start_ts: time of the first event that the source delivered; None before it.
    :ivar pluginname: name of the plugin.
    :ivar plugininfo: one line about the event, in the plugin's words.
    :ivar async_name: name of an asynchronous event; None for all others.
    :ivar hostname: name of the host on which it happened, if that is not this one; else None.
    """

    source: str
    start_ts: int | None
    pluginname: str
    plugininfo: str
    async_name: str | None
    hostname: str | None


class HasSubject(Event, Protocol):
    """An event that knows who or what it is about. Read once, when an alert is made of the event."""

    @property
    def subject(self) -> Subject | None:
        """Return the subject; None where this event has none."""


class HasResources(Event, Protocol):
    """An event that knows the resources that it is about. Read once, when an alert is made of the event."""

    @property
    def resources(self) -> Iterable[ResourceSubject]:
        """Return the resources, the most important first; an alert keeps no more than 16 subjects."""


class HasOwnTime(Event, Protocol):
    """An event that may come again, and knows whether its time is its own or that of reading it.

    The ids of alerts then begin with the time, which makes it cheaper to look whether the store has them.
    """

    @property
    def own_time(self) -> int | None:
        """Return the time in the event itself, the same when it is read again; None if it has none."""


#: The time of an event, its key, its own time (:class:`HasOwnTime`) and its subjects.
Facts: TypeAlias = tuple[int, str, int | None, tuple[Subject, ...]]


class HasFacts(Event, Protocol):
    """An event that says at once what an alert asks of it, which takes less time than one after the other."""

    def alert_facts(self) -> Facts:
        """Return its time, key, own time and subjects, as the attributes with these names have them."""


def actor_of(event: Event) -> Hashable:
    """Return the actor of *event* (:class:`HasActor`); None if it has none."""
    return getattr(event, "actor", None)


def complete(event: Event) -> None:
    """Decode the rest of *event* if it is only decoded in part (:class:`Partial`)."""
    whole = getattr(event, "whole", None)
    if whole is not None:
        whole()


def complete_for(event: Event, fields: tuple[FieldRef, ...]) -> None:
    """Decode of *event* what *fields* read, if it can tell that (:class:`PartialFor`), else the rest of it."""
    whole_for = getattr(event, "whole_for", None)
    if whole_for is None:
        complete(event)
    else:
        whole_for(fields)


def own_time_of(event: Event) -> int | None:
    """Return the time in *event* itself (:class:`HasOwnTime`); None if that is not known."""
    return getattr(event, "own_time", None)


def subject_of(event: Event) -> Subject | None:
    """Return the subject of *event* (:class:`HasSubject`); None if it has none."""
    return getattr(event, "subject", None)


def resources_of(event: Event) -> tuple[ResourceSubject, ...]:
    """Return the resources of *event* (:class:`HasResources`), as many as an alert keeps; empty if it has none."""
    return tuple(islice(getattr(event, "resources", ()), MOST_SUBJECTS))


def subjects_of(event: Event) -> tuple[Subject, ...]:
    """Return the subject of *event*, and behind it its resources; no more than an alert keeps."""
    return both(getattr(event, "subject", None), getattr(event, "resources", ()))


def facts_of_event(event: Event) -> Facts:
    """Return what an alert says of *event* beside the fields of its output."""
    facts: Callable[[], Facts] | None = getattr(event, "alert_facts", None)
    if facts is not None:
        return facts()
    return event.ts, event.key, own_time_of(event), subjects_of(event)


def both(subject: Subject | None, resources: Iterable[ResourceSubject]) -> tuple[Subject, ...]:
    """Return *subject*, and behind it *resources*; no more than an alert keeps."""
    if not resources:
        return () if subject is None else (subject,)
    if resources.__class__ is tuple and len(resources) < MOST_SUBJECTS:  # as most are
        return resources if subject is None else (subject, *resources)
    return tuple(islice(resources if subject is None else chain((subject,), resources), MOST_SUBJECTS))


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in order, and the cursor that is stored once all of them are handled.

    *events* may be lazy. It is iterated once, and each event is matched before the next is requested, so a source may
    keep state (a process table) that is exact for the event just yielded.

    :ivar events: the events, in order.
    :ivar cursor: where to resume after these events; None for a source that cannot resume.
    :ivar views: every event is a :class:`Viewed`.
    :ivar stored: for a source without cursors that can read again what its worker had not finished when it ended:
        called, in the worker, once the store has the alerts of these events and of all earlier ones; left out if
        that of a later batch can be called at once.
    :ivar again: an earlier worker may have read these events, so that the store may have their alerts already.
    :ivar matched: called with each of these events that a rule matches, or may match, before the next is requested.
    :ivar more: with a cursor: another batch follows at once, so alerts of this one may be stored together with its.
    :ivar fleeting: the cursor is of no use to another worker, and only tells when alerts are stored. So it is not
        stored where there are none.
    """

    events: Iterable[Event]
    cursor: str | None = None
    views: bool = False
    stored: Callable[[], object] | None = None
    again: bool = False
    matched: Callable[[Event], object] | None = None
    more: bool = False
    fleeting: bool = False


#: A field's name, and its argument or None.
Asked: TypeAlias = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """The needs of the rules for one source (the push-down). A source may pass too much, never too little.

    :ivar source: name of the event source.
    :ivar event_types: values of ``evt.type`` that some enabled rule can match; None: any.
    :ivar fields: names of the fields that conditions and outputs read, without arguments.
    :ivar arguments: name and argument of the fields that have one: ``("evt.arg", "flags")``.
    :ivar condition: a condition that every event must meet for any rule to match; None: all events are wanted.
    :ivar also_read: fields that conditions read beyond those in *condition*: keys of lookups, and fields they fill.
    :ivar by_type: for each event type, the fields that the rules for it read; None if some rule matches any type.
    """

    source: str
    event_types: frozenset[str] | None = None
    fields: frozenset[str] = frozenset()
    arguments: frozenset[tuple[str, str]] = frozenset()
    condition: Expr | None = None
    by_type: Mapping[str, frozenset[Asked]] | None = None
    also_read: frozenset[FieldRef] = frozenset()

    def asked_of(self, event_type: str) -> frozenset[Asked]:
        """Return the fields, each with its argument, that rules read from events of this type."""
        if self.by_type is not None:
            return self.by_type.get(event_type, frozenset())
        return self.arguments.union((name, None) for name in self.fields)


@runtime_checkable
class Source(Protocol):
    """A stream of events. :attr:`falcohost.SourceSpec.make` returns it unopened."""

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Start reading, after *cursor* if there is one.

        Do here what needs privileges; the worker drops them right after.

        :raises SourceError: a sentence that says what is missing and what to do.
        """

    def batches(self) -> Iterator[Batch]:
        """Yield batches until the source ends. While idle, yield an empty batch at least once a second."""

    def update(self, plan: Plan) -> None:
        """Switch to *plan* without losing an event. Called after a reload."""

    def ack(self, cursor: str) -> None:
        """Take note that all alerts up to *cursor* are stored."""

    def stats(self) -> SourceStats:
        """Return the numbers so far."""

    def close(self) -> None:
        """Release everything. Called once, even after a failure."""


class SourceLoader(Protocol):
    """Prepares in the kernel what a source's worker reads, in another process, and has the supervisor keep it.

    It may have an attribute ``pause``: seconds between two calls of :meth:`look`, by default 0.5.
    """

    def open(self, asked: bytes) -> None:
        """Prepare what is *asked* for (:attr:`falcohost.SourceSpec.ask`), with the privileges of the caller.

        :raises SourceError: a sentence that says what is missing and what to do.
        """

    def hand_up(self) -> None:
        """Have the supervisor keep the descriptors that the worker needs (:func:`falcohost.kept.keep`)."""

    def update(self, asked: bytes) -> None:
        """Switch to what is *asked* for, before the worker does; what was asked for before too is not interrupted."""

    def measure(self, on: bool) -> None:
        """Start or stop measuring what events cost before they reach the worker."""

    def look(self) -> Iterable[str]:
        """Adapt to what has changed by itself; return what somebody has changed who should not, a sentence for each.

        Called at least twice a second, after each ``pause``. Each sentence is an alert.

        :raises SourceError: it cannot be mended, so that everything has to be prepared anew.
        """

    def outdated(self) -> bool:
        """Return whether the rules may ask for something else by now; if so, :meth:`update` follows."""


class PreparedCache(Protocol):
    """What a source's loader keeps for later starts, in the rules cache. Provisional.

    A key has to say all that the data depends on. Only who can write to the rules cache can write there. Anything may
    be forgotten.
    """

    def read(self, key: bytes) -> bytes | None:
        """Return what was written under *key*; None: there is nothing."""

    def write(self, key: bytes, data: bytes) -> None:
        """Keep *data* under *key*, if that is possible."""


@runtime_checkable
class EarlyLoader(Protocol):
    """A :class:`SourceLoader` of which a part can be done ahead, at a start while the rules are read. Provisional."""

    def prepare_ahead(self, link: socket, asked: Callable[[float | None], bytes | None], cache: PreparedCache) -> None:
        """Prepare what can be prepared, and send it over *link*; called in a process that then ends.

        *asked* returns what the rules ask for, or None if that is not known so many seconds later. With None it waits
        for as long as it takes, and returns None if nobody will ever say.
        Nothing may be collected yet. If it raises anything, that is found out again when the source is opened.
        """

    def take_prepared(self, link: socket) -> None:
        """Receive what another process sends with :meth:`prepare_ahead`; called before :meth:`SourceLoader.open`.

        If the other process ends early or this raises anything, *open* has to do everything itself.
        """


@runtime_checkable
class MarkedSource(Protocol):
    """A source that keeps a mark with the position to which ``Batch.stored`` moves it: both change at one moment.

    By this falcohost knows whether an earlier worker had moved on before it ended.
    """

    def left(self) -> int:
        """Return the mark of the position where an earlier worker has ended; 0 if there was none.

        Called once, before the first batch, with the privileges that reading takes.
        """

    def mark(self, number: int) -> None:
        """Keep *number* with the position from the next call of ``Batch.stored`` on."""


@runtime_checkable
class RecordSource(Protocol):
    """A source whose records a user can give in a file, for ``falcohost rules explain`` and ``rules stats``."""

    def reading(self, path: Path) -> Source:
        """Return a source of the same log that reads the file at *path* once; the input of this one is not used.

        It must not be opened.
        """


@runtime_checkable
class WritingSource(Protocol):
    """A source that can write events as the records that :class:`RecordSource` reads, for ``rules test --record``."""

    def written(self, event: Event) -> Mapping[str, Any]:
        """Return *event*, with all its views, in JSON: as much of it as the rules of the plan could read."""


@runtime_checkable
class AwaitingSource(Protocol):
    """A source whose senders wait until what they have sent is stored."""

    def stored_at(self, descriptor: Callable[[], int | None]) -> None:
        """Take note of what returns the descriptor of the link to the store; None: there is none just now.

        When it is readable, a wait for events should end with an empty batch, so that senders are answered at once.
        """


@runtime_checkable
class MeasuredSource(Protocol):
    """A source that can measure what events cost before they reach it (``TypeCount.ns``)."""

    def measure(self, on: bool) -> None:
        """Start or stop measuring. Measuring has a cost, so it is on only while someone asks for the numbers."""
