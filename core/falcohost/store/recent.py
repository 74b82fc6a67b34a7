"""The ids of the last alerts of sources without cursors, which may come again.

A worker's successor may read again the events of which the worker has not heard that their alerts are stored, and a
worker sends again what it has not heard to be stored by a store that has ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

#: Most ids.
MOST_RECENT: Final = 8192


class Recent:
    """The last ids, each with its source."""

    def __init__(self, found: Iterable[tuple[str, str]] = ()) -> None:
        self._known = dict.fromkeys(found)

    def __contains__(self, key: tuple[str, str]) -> bool:
        """Return whether an alert of this source has this id."""
        return key in self._known

    def add(self, source: str, ids: Iterable[str]) -> None:
        """Add the *ids* of new alerts of *source*."""
        known = self._known
        known.update(dict.fromkeys([(source, id) for id in ids]))
        if len(known) > MOST_RECENT:  # all at once: to find the first one takes long after deletions
            for key in [*islice(known, len(known) - MOST_RECENT)]:
                del known[key]
