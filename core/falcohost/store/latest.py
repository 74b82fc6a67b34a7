"""The last alerts of a store, in memory, so that subscribers that keep up need not read the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from msgspec import Struct

from falcohost.alert import Alert, RuleMetadata
from falcohost.store.body import decode, key_in
from falcohost.store.row import Row

#: Most alerts, and bytes of them. A worker sends up to 512 at once, when outputs may still have those before in hand;
#: what they do not find here is read from the file.
MOST_KEPT: Final = 1024
MOST_KEPT_BYTES: Final = 8 << 20


class Kept(Struct, frozen=True, gc=False):
    """What is kept of a row: decoded, hundreds of alerts would leave Python's memory larger for good."""

    seq: int
    held: str
    body: bytes
    metadata: RuleMetadata

    @property
    def alert(self) -> Alert:
        """Decode the alert."""
        return decode(self.body, {key_in(self.body): self.metadata})


class Latest:
    """Alerts without gaps between their numbers, the last that a store has."""

    def __init__(self) -> None:
        self._rows: deque[Kept] = deque(maxlen=MOST_KEPT)
        self._size = 0

    def extend(self, rows: Iterable[Row]) -> None:
        """Add the next alerts."""
        self._rows.extend([Kept(row.seq, row.held, row.body, row.alert.metadata) for row in rows])

    def bound(self, more: int) -> None:
        """Drop alerts if there are too many bytes, after alerts of *more* bytes were added."""
        self._size += more
        while self._size > MOST_KEPT_BYTES:  # counted anew each time it has grown that much
            self._size = sum(len(row.body) for row in self._rows)
            if self._size > MOST_KEPT_BYTES:
                self._rows.popleft()

    def after(self, number: int, most: int | None = None) -> Iterator[Kept] | None:
        """Return all alerts after *number*, or the first *most* of them; None if they are not all here."""
        if not self._rows or self._rows[0].seq > number + 1:
            return None
        begin = number + 1 - self._rows[0].seq
        return islice(self._rows, begin, None if most is None else begin + most)

    def forget(self, until: int) -> None:
        """Drop alerts up to the number *until*."""
        rows = self._rows
        if rows and rows[-1].seq <= until:  # as it is where all keep up
            rows.clear()
        while rows and rows[0].seq <= until:
            rows.popleft()

    def clear(self) -> None:
        """Drop all."""
        self._rows.clear()
