"""Which alerts have come before: those of sources with cursors by the file, the last ones of others from memory.

A source reads again from its cursor. A worker's successor may read again the events of which the worker has not heard
that their alerts are stored, and a worker sends again what it has not heard to be stored by a store that has ended.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

from falcohost.errors import StateError

#: Most ids.
MOST_RECENT: Final = 8192

#: So many ids are asked for at once.
MOST_ASKED: Final = 256


class Recent:
    """The last ids, each with its source; *known*: the same, where many are looked up."""

    def __init__(self, found: Iterable[tuple[str, str]] = ()) -> None:
        self.known = dict.fromkeys(found)

    def __contains__(self, key: tuple[str, str]) -> bool:
        """Return whether an alert of this source has this id."""
        return key in self.known

    def add(self, source: str, ids: Iterable[str]) -> None:
        """Add the *ids* of new alerts of *source*."""
        known = self.known
        known.update(dict.fromkeys([(source, id) for id in ids]))
        if len(known) > MOST_RECENT:  # all at once: to find the first one takes long after deletions
            for key in [*islice(known, len(known) - MOST_RECENT)]:
                del known[key]


#: The largest key in the file, which the index has at hand.
_LAST: Final = "SELECT max(id) FROM ids"


class StoredIds:
    """The ids of alerts in the file that may come a second time; *query* returns the rows that a statement finds.

    Ids of events with a time of their own begin with it, so those of new events are mostly beyond all in the file.

    :ivar unsure: the file could not be read, so that some may be in it that were not found.
    """

    def __init__(self, query: Callable[[str, tuple[object, ...]], list[Any]]) -> None:
        self.unsure = False
        self._query = query
        self._last: bytes | None = None

    def renew(self) -> None:
        """Ask the file again for its largest id, since others than :meth:`find` knows of are written to it."""
        self._last = None

    def wrote(self, keys: Iterable[bytes]) -> None:
        """Take note that alerts that are found by these *keys* are in the file now."""
        if self._last is not None:
            self._last = max(self._last, max(keys, default=b""))

    def find(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return those of *keys* (:mod:`falcohost.store.ids`) by which an alert in the file is found."""
        found: set[bytes] = set()
        try:
            if (last := self._last) is None:
                last = self._last = self._query(_LAST, ())[0][0] or b""
            asked = [key for key in keys if key <= last]
            for begin in range(0, len(asked), MOST_ASKED):
                some = asked[begin : begin + MOST_ASKED]
                places = 1 << (len(some) - 1).bit_length()
                values = *some, *[some[0]] * (places - len(some))
                found.update([key for (key,) in self._query(_finding(places), values)])
        except StateError:
            self.unsure = True
        return found


@functools.cache
def _finding(places: int) -> str:
    """Return the statement that finds so many keys: few texts, since the database keeps each prepared.

    With IN, the keys would be sorted before.
    """
    values = ", ".join(["(?)"] * places)
    return f"SELECT id FROM (VALUES {values}) CROSS JOIN ids ON id = column1 CROSS JOIN packs ON last = pack"
