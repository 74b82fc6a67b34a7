"""Which alerts have come before: those of sources with cursors by the file, the last ones of others from memory.

A source reads again from its cursor. A worker's successor may read again the events of which the worker has not heard
that their alerts are stored, and a worker sends again what it has not heard to be stored by a store that has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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


#: The largest id in the file, which the index has at hand; texts are compared as Python does.
_LAST: Final = "SELECT max(id) FROM alerts WHERE rewinds"


class StoredIds:
    """The ids of alerts in the file that may come a second time; *query* returns the rows that a statement finds.

    Ids of events with a time of their own begin with it, so those of new events are mostly beyond all in the file.
    """

    def __init__(self, query: Callable[[str, tuple[object, ...]], list[Any]]) -> None:
        self._query = query
        self._last: str | None = None

    def renew(self) -> None:
        """Ask the file again for its largest id, since others than :meth:`find` knows of are written to it."""
        self._last = None

    def wrote(self, ids: Iterable[str]) -> None:
        """Take note that alerts with these *ids* are in the file now."""
        if self._last is not None:
            self._last = max(self._last, max(ids, default=""))

    def find(self, ids: Sequence[str]) -> set[tuple[str, str]]:
        """Return those of *ids* that are in the file, each with its source: no source keeps out another's alerts."""
        found: set[tuple[str, str]] = set()
        if (last := self._last) is None:
            try:
                ((last,),) = self._query(_LAST, ())
            except StateError:
                return found
            last = self._last = last or ""
        ids = [one for one in ids if one <= last]
        for begin in range(0, len(ids), MOST_ASKED):
            some = ids[begin : begin + MOST_ASKED]
            places = 1 << (len(some) - 1).bit_length()  # few texts, since the database keeps each prepared
            sql = f"SELECT source, id FROM alerts WHERE rewinds AND id IN ({', '.join('?' * places)})"
            try:
                found.update(self._query(sql, (*some, *[some[0]] * (places - len(some)))))
            except StateError:
                break
        return found
