"""Wraps plugins' lookups: opens them when a rule reads their fields, catches their exceptions, counts answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from types import MappingProxyType
from typing import Any

from falcohost.helpers import HELPERS, Helper
from falcohost.log import log
from falcohost.lookups import (
    GIVEN_UP,
    BoundedLookup,
    CountingLookup,
    FailingLookup,
    Key,
    Lookup,
    LookupSpec,
    NotYet,
    WakingLookup,
)


class LoadedLookup:
    """The lookup *spec*, configured by its plugin's *settings*. While it is not open, it has no rows.

    :ivar found: number of rows found.
    :ivar absent: number of keys without a row.
    :ivar pending: number of rows that were not known yet.
    :ivar given_up: number of rows that cannot be learnt.
    :ivar failed: number of exceptions, each counted as no row.
    :ivar late: number of values that counted as absent because their row did not arrive in time.
    """

    def __init__(self, spec: LookupSpec, settings: Mapping[str, Any]) -> None:
        self.spec = spec
        self.found = self.absent = self.pending = self.failed = self.late = self.given_up = 0
        self._settings = settings
        self._lookup: Lookup | None = None

    @property
    def name(self) -> str:
        """Return the name of the lookup."""
        return self.spec.name

    @property
    def known(self) -> int:
        """Return how many rows the lookup has, if it says so."""
        return len(self._lookup) if isinstance(self._lookup, Sized) else 0

    @property
    def dropped(self) -> int:
        """Return how many rows had to make room for others, if the lookup says so."""
        return self._lookup.dropped if isinstance(self._lookup, BoundedLookup) else 0

    def open(self, helpers: Mapping[str, Helper] = MappingProxyType({})) -> None:
        """Make the lookup, unless it is open. Of *helpers* it gets its own.

        :raises Exception: whatever the plugin raises.
        """
        if self._lookup is None:
            own = {one.name for one in self.spec.helpers}
            found = {name: helper for name, helper in helpers.items() if name in own}
            self._lookup = self.spec.make({**self._settings, HELPERS: found})

    def checked(self) -> Iterable[tuple[str, str | None]]:
        """Return what the plugin's own check finds.

        :raises Exception: whatever the plugin raises.
        """
        return () if self.spec.check is None else self.spec.check(self._settings)

    def find(self, key: Key) -> Any:
        """Return the row for *key*, None if there is none, PENDING, or GIVEN_UP."""
        if self._lookup is None:
            return None
        try:
            row = self._lookup.find(key)
        except Exception as error:
            self.fails(error)
            return None
        if row is GIVEN_UP:
            self.given_up += 1
        elif isinstance(row, NotYet):
            self.pending += 1
        elif row is None:
            self.absent += 1
        else:
            self.found += 1
        return row

    def poll(self) -> bool:
        """Let the lookup receive answers; return whether a pending row may be known now."""
        if self._lookup is None:
            return False
        try:
            return self._lookup.poll()
        except Exception as error:
            self.fails(error)
            return True  # a lookup that raises has no rows, so nothing needs to wait for it

    def descriptor(self) -> int | None:
        """Return the descriptor that says that something has come, where the lookup has one."""
        if not isinstance(self._lookup, WakingLookup):
            return None
        try:
            return self._lookup.fileno()
        except Exception as error:
            self.fails(error)
            return None

    def problem(self) -> tuple[str, int]:
        """Return what the lookup does not reach, and for how many seconds; an empty text: nothing, or it cannot say."""
        if not isinstance(self._lookup, FailingLookup):
            return "", 0
        try:
            return self._lookup.problem()
        except Exception as error:
            self.fails(error)
            return "", 0

    def counts(self) -> Mapping[str, int]:
        """Return the lookup's own numbers, if it has some."""
        if not isinstance(self._lookup, CountingLookup):
            return {}
        try:
            return self._lookup.counts()
        except Exception as error:
            self.fails(error)
            return {}

    def miss(self) -> None:
        """Count a value that counts as absent because its row did not arrive in time."""
        self.late += 1

    def close(self) -> None:
        """Close the lookup, if it is open."""
        lookup, self._lookup = self._lookup, None
        if lookup is not None:
            try:
                lookup.close()
            except Exception as error:
                self.fails(error)

    def fails(self, error: Exception) -> None:
        """Count that the lookup has raised *error*, and log the first, the tenth, the hundredth failure."""
        self.failed += 1
        if str(self.failed).strip("0") == "1":
            log.error(
                "lookup '%s' failed (%d times so far): %s: %s", self.name, self.failed, type(error).__name__, error
            )
