"""Alerts that several runners want one after the other: the newest, as they came, and those that one has just read.

So an alert is decoded once for all of them while they keep up, and also while they are behind together. What is not
here is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import islice
from operator import attrgetter
from typing import Final, NamedTuple

from falcohost.alert import Alert

#: Most alerts of the newest, and bytes of them as they came: two messages of a worker.
MOST_KEPT: Final = 1024
MOST_KEPT_BYTES: Final = 4 << 20

#: Most stretches that were read, and bytes of one.
MOST_READ: Final = 4
MOST_READ_BYTES: Final = 1 << 20


class Stretch(NamedTuple):
    """All alerts to be delivered after number *after*, up to number *until*, each with its number.

    :ivar size: their bytes as they came.
    """

    after: int
    until: int
    rows: Sequence[tuple[int, Alert]]
    size: int

    def beyond(self, number: int) -> Sequence[tuple[int, Alert]]:
        """Return the alerts after *number*."""
        return self.rows if number <= self.after else [row for row in self.rows if row[0] > number]


class Nearby:
    """The alerts of a store that are at hand."""

    def __init__(self) -> None:
        self._news: deque[Stretch] = deque()
        self._count = self._size = 0
        self._read: deque[Stretch] = deque(maxlen=MOST_READ)

    def add(self, news: Stretch) -> None:
        """Add the newest alerts; forget those before if some between them are missing, and what is too much."""
        if self._news and self._news[-1].until != news.after:
            self._news.clear()
            self._count = self._size = 0
        if self._news and not news.rows:  # all are held back, as many in a row may be
            self._news[-1] = self._news[-1]._replace(until=news.until)
            return
        self._news.append(news)
        self._count += len(news.rows)
        self._size += news.size
        while len(self._news) > 1 and (self._count > MOST_KEPT or self._size > MOST_KEPT_BYTES):
            self._drop()

    def add_read(self, found: Stretch) -> None:
        """Add alerts that were asked for, unless they are large."""
        if found.size <= MOST_READ_BYTES:
            self._read.append(found)

    def forget(self, until: int) -> None:
        """Forget the alerts up to number *until*."""
        while self._news and self._news[0].until <= until:
            self._drop()
        while self._read and self._read[0].until <= until:
            self._read.popleft()

    def find(self, after: int, most: int, last: int) -> list[tuple[int, Alert]] | None:
        """Return up to *most* alerts after number *after*; None if they are not at hand.

        :param last: the number of the last alert; only if it is known that there is none up to that, none is returned.
        """
        rows: list[tuple[int, Alert]] = []
        until = after
        begin = bisect_right(self._news, after, key=_after) - 1
        if begin >= 0:
            for stretch in islice(self._news, begin, None):
                rows += stretch.beyond(after)
                until = stretch.until
                if len(rows) >= most:
                    break
        if rows or after < until >= last:
            return rows[:most]
        for stretch in self._read:
            if stretch.after <= after < stretch.until and (found := stretch.beyond(after)):
                return [*found[:most]]
        return None

    def _drop(self) -> None:
        gone = self._news.popleft()
        self._count -= len(gone.rows)
        self._size -= gone.size


_after = attrgetter("after")
