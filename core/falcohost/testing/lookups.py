"""The contract of a lookup, as tests: it answers at once, a pending row comes at last, its fields read its rows."""

from __future__ import annotations

import inspect
import select
import time
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from falcohost.lookups import PENDING, Key, Lookup, LookupSpec, WakingLookup
from falcohost.testing.sentences import is_sentence
from falcohost.testing.waiting import wait_until

#: Seconds that a call may take on average: each event that reads a field of the lookup waits for it.
AT_ONCE = 0.001


class LookupContract:
    """Subclass it, set :attr:`plugin` and :attr:`lookup`, and define the fixtures *config*, *known* and *unknown*.

    :ivar plugin: the plugin's module.
    :ivar lookup: the lookup's name in its :class:`~falcohost.lookups.LookupSpec`.
    """

    plugin: Any
    lookup: str

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        """Return the plugin's own configuration."""
        return {}

    @pytest.fixture
    def known(self) -> Key:
        """Return a key that has a row."""
        pytest.fail(f"{type(self).__name__} has to define the fixture known: a key that has a row")

    @pytest.fixture
    def unknown(self) -> Key:
        """Return a key that has no row."""
        pytest.fail(f"{type(self).__name__} has to define the fixture unknown: a key that has no row")

    @pytest.fixture
    def opened(self, config: Mapping[str, Any]) -> Iterable[Lookup]:
        """Return the lookup."""
        lookup = self._spec(config).make(config)
        yield lookup
        lookup.close()

    def test_description_is_a_sentence(self, config: Mapping[str, Any]) -> None:
        """A description is one line that ends with a full stop."""
        assert is_sentence(self._spec(config).description)

    def test_it_has_a_key_and_fields(self, config: Mapping[str, Any]) -> None:
        """A lookup has a key for a source, or takes it from an argument, and has fields of its own or fills some."""
        spec = self._spec(config)

        assert spec.key or spec.by_argument
        assert all(spec.key.values())
        assert spec.fields or spec.fills

    def test_a_row_is_found(self, opened: Lookup, known: Key) -> None:
        """The row of a known key is there, or comes after some polls; then it stays."""
        row = self._found(opened, known)

        assert row is not None
        assert row == opened.find(known)

    def test_no_row_is_found(self, opened: Lookup, unknown: Key) -> None:
        """An unknown key is reported as having no row, so that no event waits for ever."""
        assert self._found(opened, unknown) is None

    def test_it_answers_at_once(self, opened: Lookup, known: Key, unknown: Key) -> None:
        """Neither a search nor a poll waits for anything."""
        rounds = []
        for _ in range(5):
            before = time.monotonic()
            for _ in range(20):
                opened.find(known)
                opened.find(unknown)
                opened.poll()
            rounds.append((time.monotonic() - before) / 60)

        assert min(rounds) < AT_ONCE  # the quickest, since the machine may be busy

    def test_its_descriptor_can_be_waited_for(self, opened: Lookup) -> None:
        """If the lookup has a descriptor, epoll(7) accepts it."""
        descriptor = opened.fileno() if isinstance(opened, WakingLookup) else None
        if descriptor is not None:
            with select.epoll() as waiting:
                waiting.register(descriptor, select.EPOLLIN | select.EPOLLET)

    def test_fields_read_the_row(self, config: Mapping[str, Any], opened: Lookup, known: Key) -> None:
        """Each field without an argument has a value in the row or None; none raises an error."""
        spec, row = self._spec(config), self._found(opened, known)
        getters = {one.name: one.get for one in spec.fields if not one.arg_required} | dict(spec.fills)

        for name, get in getters.items():
            assert get is not None, name
            get(row, None)

    def _spec(self, config: Mapping[str, Any]) -> LookupSpec:
        hook = self.plugin.falcohost_lookups
        given = {"settings": config} if "settings" in inspect.signature(hook).parameters else {}
        specs: Iterable[LookupSpec] = hook(**given)
        return next(spec for spec in specs if spec.name == self.lookup)

    @staticmethod
    def _found(opened: Lookup, key: Key) -> Any:
        """Wait until the row is known; return it."""

        def known() -> bool:
            opened.poll()
            return opened.find(key) is not PENDING

        wait_until(known)
        return opened.find(key)
