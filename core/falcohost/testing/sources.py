"""The contract of an event source, as tests: events, fields, cursors, numbers, a new plan, an end."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from falcohost.events import Batch, Event, Plan, Source
from falcohost.fields import Field
from falcohost.hookspecs import SourceSpec
from falcohost.host.plugins import Plugin, ask
from falcohost.testing.sentences import is_sentence
from falcohost.testing.values import arguments, wrong_value


class SourceContract:
    """Subclass it, set :attr:`plugin` and :attr:`source`, and define the fixture *config* with the place that it reads.

    :ivar plugin: the plugin's module.
    :ivar source: the source's name in its :class:`~falcohost.SourceSpec`.
    :ivar settings: the plugin's configuration, if it names the source.
    :ivar events: how many events each test reads; a source that never ends is closed after this many.
    :ivar patience: after this many seconds without an event, a source that does not end counts as empty.
    :ivar idle: maximum seconds between batches; the shortest of three waits counts, since the machine may be busy.
    """

    plugin: Any
    source: str
    settings: Mapping[str, Any] = MappingProxyType({})
    events = 100
    patience = 5.0
    idle = 1.5

    @pytest.fixture
    def config(self, tmp_path: Any) -> Mapping[str, Any]:
        """Return the plugin's configuration, as passed to :attr:`~falcohost.SourceSpec.make`."""
        return {}

    def provoke(self) -> None:
        """Make something happen that the source reports; called after it was opened. For sources of live events."""

    @property
    def spec(self) -> SourceSpec:
        """Return the spec under test."""
        return next(spec for spec in self._asked().sources if spec.name == self.source)

    @property
    def fields(self) -> list[Field]:
        """Return the fields that the plugin adds to this source."""
        return list(self._asked().fields.get(self.source, ()))

    @pytest.fixture
    def opened(self, config: Mapping[str, Any]) -> Iterator[Source]:
        """Return the source, opened at its beginning with a plan that wants everything."""
        source = self._made(config)
        try:
            source.open(self._plan(), None)
            self.provoke()
            yield source
        finally:
            source.close()

    def test_description_is_a_sentence(self) -> None:
        """A description is one line that ends with a full stop."""
        assert is_sentence(self.spec.description)

    def test_make_returns_a_source(self, config: Mapping[str, Any]) -> None:
        """The factory returns an object with all the methods of a source."""
        assert isinstance(self._made(config), Source)

    def test_events_are_whole(self, opened: Source) -> None:
        """There are events, and each has a declared type, a time, and a key of its own."""
        events = [event for event, _ in self._read(opened)]

        assert events, "no event came: the fixture config or provoke() has to provide one"
        for event in events:
            assert event.type, f"{event!r} has no type"
            assert self.spec.event_types is None or event.type in self.spec.event_types, f"{event.type} is undeclared"
            assert isinstance(event.ts, int), f"{event!r} has a time that is not an int"
            assert event.ts > 0, f"{event!r} has no time"
        keys = [event.key for event in events]
        assert len(set(keys)) == len(keys), "two events have the same key"

    def test_numbers_begin_at_one_and_rise(self, opened: Source) -> None:
        """``evt.num`` is 1 for the first event and rises."""
        numbers = [event.num for event, _ in self._read(opened)]

        assert numbers[:1] == [1]
        assert all(one < next_one for one, next_one in itertools.pairwise(numbers))

    def test_fields_extract(self, opened: Source) -> None:
        """Every field returns a value of its type, or None, for every event and argument."""
        fields = self.fields
        wrong = [
            problem
            for event, _ in self._read(opened)
            for field in fields
            for arg in arguments(field)
            if (problem := wrong_value(field, event, arg))
        ]

        assert wrong == []

    def test_batches_keep_coming(self, opened: Source) -> None:
        """A source without events yields an empty batch within a second, so that its worker can be told to stop."""
        batches, waits = opened.batches(), []
        for _ in range(3):
            asked = time.monotonic()
            batch = next(batches, None)
            if batch is None:
                break
            waits.append(time.monotonic() - asked)
            list(batch.events)

        assert min(waits, default=0.0) < self.idle

    def test_goes_on_from_its_cursor(self, opened: Source, config: Mapping[str, Any]) -> None:
        """Opened at the cursor of a batch, a source with cursors continues with the event after that batch."""
        read = list(self._read(opened))
        cursor = read[0][1].cursor if read else None
        if cursor is None:
            assert all(batch.cursor is None for _, batch in read), "some batches have a cursor and some have none"
            return
        opened.ack(cursor)
        rest = [event.key for event, batch in read if batch is not read[0][1]]

        again = self._made(config)
        try:
            again.open(self._plan(), cursor)
            keys = [event.key for event, _ in self._read(again, len(rest))]
        finally:
            again.close()
        assert keys[: len(rest)] == rest

    def test_numbers_add_up(self, opened: Source) -> None:
        """A source has received at least as many events as it passed, and passed at least those read from it."""
        count = sum(1 for _ in self._read(opened))
        stats = opened.stats()

        assert stats.received >= stats.passed >= count
        assert all(number >= 0 for number in stats.dropped.values())

    def test_takes_a_new_plan(self, opened: Source, config: Mapping[str, Any]) -> None:
        """A new plan in the middle loses nothing: a source that can be read again yields the same events as without."""
        read: list[tuple[str, str | None]] = []
        for event, batch in self._read(opened):
            if not read:
                opened.update(self._plan())
            read.append((event.key, batch.cursor))
        if not read or read[0][1] is None:
            return

        again = self._made(config)
        try:
            again.open(self._plan(), None)
            same = [event.key for event, _ in self._read(again)]
        finally:
            again.close()
        assert [key for key, _ in read] == same

    def test_closes_unread(self, config: Mapping[str, Any]) -> None:
        """A source that was opened and never read can be closed."""
        source = self._made(config)
        source.open(self._plan(), None)

        source.close()

    def _asked(self) -> Plugin:
        return ask("tested", self.plugin, "tested", "0", self.settings)

    def _made(self, config: Mapping[str, Any]) -> Source:
        """Return the source; keys of the configuration that are missing in *config* have their defaults."""
        return self.spec.make({**self._asked().settings, **config})

    def _plan(self) -> Plan:
        return Plan(source=self.source, fields=frozenset(field.name for field in self.fields))

    def _read(self, source: Source, limit: int | None = None) -> Iterator[tuple[Event, Batch]]:
        """Yield each event with its batch, before the source creates the next."""
        left = self.events if limit is None else limit
        silent_since = time.monotonic()
        for batch in source.batches():
            for event in batch.events:
                yield event, batch
                silent_since = time.monotonic()
                left -= 1
            if left <= 0 or time.monotonic() - silent_since > self.patience:
                return
