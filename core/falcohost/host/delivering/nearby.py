"""Alerts that several runners want one after the other: the newest, as they came, and those that one has just read.

So an alert is decoded once for all of them while they keep up, and also while they are behind together; where they all
write lines, it is not decoded at all. What is not here is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final, TypeAlias, TypeVar

from falcohost.alert import Alert
from falcohost.log import log
from falcohost.outputs.lines import ConfiguredFormat
from falcohost.store.body import decode
from falcohost.store.metadata import ByKey

T = TypeVar("T")

#: Most alerts of the newest, and bytes of them as they came: two messages of a worker.
MOST_KEPT: Final = 1024
MOST_KEPT_BYTES: Final = 4 << 20

#: Most stretches that were read, and bytes of one.
MOST_READ: Final = 4
MOST_READ_BYTES: Final = 1 << 20


class Stretch:
    """All alerts to be delivered after number *after*, up to number *until*, each with its number.

    One that is damaged is left out when it is asked for.

    :param bodies: the alerts in bytes, each with its number; *metadata*: what they need.
    :ivar count: how many they are; *size*: their bytes.
    """

    def __init__(self, after: int, until: int, bodies: Sequence[tuple[int, bytes]], metadata: ByKey) -> None:
        self.after, self.until = after, until
        self.count, self.size = len(bodies), sum([len(body) for _, body in bodies])
        self._bodies = bodies
        self._metadata = metadata
        self._alerts: list[tuple[int, Alert]] | None = None
        self._lines: list[tuple[ConfiguredFormat, list[tuple[int, bytes]]]] = []

    def alerts(self) -> Sequence[tuple[int, Alert]]:
        """Return the alerts, which are decoded for the first who asks."""
        if self._alerts is None:
            self._alerts = [*_decoded(self._bodies, self._metadata)]
        return self._alerts

    def lines(self, form: ConfiguredFormat) -> Sequence[tuple[int, bytes]]:
        """Return the alerts' lines as *form* makes them."""
        if self._alerts is not None:  # somebody needs them, and then lines cost little
            return [(seq, form.line(alert)) for seq, alert in self._alerts]
        for known, lines in self._lines:
            if known.is_like(form):
                return lines
        self._lines.append((form, lines := [*_lines(self._bodies, self._metadata, form)]))
        return lines


def _decoded(bodies: Sequence[tuple[int, bytes]], metadata: ByKey) -> Iterator[tuple[int, Alert]]:
    for seq, body in bodies:
        try:
            yield seq, decode(body, metadata)
        except (ValueError, KeyError) as error:
            log.error("the alert with the number %d is damaged, and is not delivered: %s", seq, error)


def _lines(bodies: Sequence[tuple[int, bytes]], metadata: ByKey, form: ConfiguredFormat) -> Iterator[tuple[int, bytes]]:
    made = form.of_bodies.lines([body for _, body in bodies])
    for row, line in zip(bodies, made, strict=True):
        if line is not None:
            yield row[0], line
        else:
            yield from ((seq, form.line(alert)) for seq, alert in _decoded([row], metadata))


#: Returns what is wanted of a stretch.
Show: TypeAlias = Callable[[Stretch], Sequence[tuple[int, T]]]


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
        if self._news and not news.count:  # all are held back, as many in a row may be
            self._news[-1].until = news.until
            return
        self._news.append(news)
        self._count += news.count
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

    def find(self, after: int, most: int, last: int, show: Show[T]) -> list[tuple[int, T]] | None:
        """Return what *show* returns of up to *most* alerts after number *after*; None if they are not at hand.

        :param last: the number of the last alert; only if it is known that there is none up to that, none is returned.
        """
        rows: list[tuple[int, T]] = []
        until = after
        begin = bisect_right(self._news, after, key=_after) - 1
        if begin >= 0:
            for stretch in islice(self._news, begin, None):
                rows += _beyond(after, stretch, show)
                until = stretch.until
                if len(rows) >= most:
                    break
        if rows or after < until >= last:
            return rows[:most]
        for stretch in self._read:
            if stretch.after <= after < stretch.until and (found := _beyond(after, stretch, show)):
                return [*found[:most]]
        return None

    def _drop(self) -> None:
        gone = self._news.popleft()
        self._count -= gone.count
        self._size -= gone.size


def _beyond(number: int, stretch: Stretch, show: Show[T]) -> Sequence[tuple[int, T]]:
    """Return what *show* returns of those alerts of *stretch* that come after *number*."""
    if number >= stretch.until:
        return ()
    rows = show(stretch)
    return rows if number <= stretch.after else [row for row in rows if row[0] > number]


_after = attrgetter("after")
