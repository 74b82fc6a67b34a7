"""How many alerts wait for each output, and which is the first: those behind its mark that it gets.

Alerts that are silenced, and those that an output's priority, rules, tags and sources leave out, wait for nobody: its
mark passes them. What stands here decides for ``falcohost stats``, metrics, internal alerts and ``falcohost store``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from falcohost.alert import Priority
from falcohost.store.body import Kind
from falcohost.store.row import Row

#: Returns whether an output gets alerts of a kind.
Wants: TypeAlias = Callable[[Kind], bool]

#: Most stretches of numbers that are remembered for one output. Of more, neighbours become one, and where its mark
#: stands inside such a one, the number of those that wait is known within a share of it.
MOST_STRETCHES: Final = 1024

#: Most kinds of alerts of which it is remembered who gets them.
MOST_KINDS: Final = 4096


class Behind(Struct, frozen=True, array_like=True):
    """How many alerts wait, and the number of the first of them; 0: none does."""

    count: int = 0
    first: int = 0


NOTHING: Final = Behind()


class Reads(Protocol):
    """Reads what is stored."""

    def __call__(self, after: int, until: int, most: int) -> Sequence[tuple[int, Kind | None]]:
        """Return up to *most* alerts to be delivered after number *after*, up to *until*; None: it is damaged."""


class Backlogs:
    """The backlogs of all subscribers; *wants*: by output, what it gets; others get all."""

    def __init__(self, wants: Mapping[str, Wants] = {}) -> None:
        self._wants = wants
        self._all: dict[str, _Backlog] = {}
        self._takers: dict[tuple[str, str, Priority, tuple[str, ...]], list[_Backlog]] = {}

    def begin(self, name: str, mark: int, last: int) -> None:
        """Begin with a subscriber that is at *mark*; those after it, up to *last*, are to be counted."""
        self._all[name] = _Backlog(self._wants.get(name), mark, last)
        self._takers.clear()

    def add_for(self, name: str, rows: Iterable[Row]) -> None:
        """Add alerts that are not stored yet to what waits for a subscriber that has just begun."""
        backlog = self._all[name]
        for row in rows:
            alert = row.alert
            if not row.held and backlog.gets(Kind(alert.source, alert.rule, alert.priority, alert.tags)):
                backlog.new.add(row.seq)

    def add(self, rows: Iterable[Row]) -> None:
        """Add new alerts, in order."""
        before: tuple[str, str, Priority, tuple[str, ...]] | None = None
        takers: list[_Backlog] = []
        first = last = 0
        for row in rows:
            if row.held:
                continue
            alert = row.alert
            key = alert.source, alert.rule, alert.priority, alert.tags
            if key == before and row.seq == last + 1:  # as most are, in an order of their own
                last += 1
                continue
            for taker in takers:
                taker.new.add_all(first, last)
            if key != before:
                before, takers = key, self._takers_of(key)
            first = last = row.seq
        for taker in takers:
            taker.new.add_all(first, last)

    def _takers_of(self, key: tuple[str, str, Priority, tuple[str, ...]]) -> list[_Backlog]:
        takers = self._takers.get(key)
        if takers is None:
            if len(self._takers) >= MOST_KINDS:
                self._takers.clear()
            kind = Kind(*key)
            takers = self._takers[key] = [one for one in self._all.values() if one.gets(kind)]
        return takers

    def move(self, name: str, mark: int) -> None:
        """Take note that a subscriber has taken all up to *mark*."""
        if (backlog := self._all.get(name)) is not None:
            backlog.move(mark)

    def count(self, read: Reads, most: int) -> bool:
        """Count up to *most* alerts of those that were there when their subscriber began; return whether more are left.

        Until they are counted, each of them is taken for one that waits.
        """
        for backlog in self._all.values():
            if backlog.uncounted:
                backlog.count_stored(read(backlog.after, backlog.until, most), most)
                return True
        return False

    def lose(self, gone: Iterable[int]) -> int:
        """Take note that the alerts with these numbers are gone; return how many of them have waited for anybody."""
        missed = 0
        for number in gone:
            waited = [one.drop(number) for one in self._all.values()]
            missed += any(waited)
        return missed

    def behind(self) -> dict[str, Behind]:
        """Return what waits for each."""
        return {name: backlog.behind for name, backlog in self._all.items()}


class _Backlog:
    """What waits for one subscriber.

    :ivar old: those that were stored when it began, as far as they are counted; *new*: those that came since.
    :ivar after: those after this number, up to *until*, are not counted yet.
    """

    def __init__(self, wants: Wants | None, mark: int, last: int) -> None:
        self._wants = wants
        self.after, self.until = mark, last
        self.old, self.new = _Stretches(), _Stretches()

    def gets(self, kind: Kind | None) -> bool:
        return self._wants is None or kind is None or self._wants(kind)

    @property
    def uncounted(self) -> int:
        return self.until - self.after

    @property
    def behind(self) -> Behind:
        first = self.old.first or (self.after + 1 if self.uncounted else self.new.first)
        return Behind(self.old.count + self.uncounted + self.new.count, first)

    def move(self, mark: int) -> None:
        self.old.forget(mark)
        self.after = min(max(self.after, mark), self.until)
        self.new.forget(mark)

    def count_stored(self, found: Sequence[tuple[int, Kind | None]], most: int) -> None:
        for number, kind in found:
            if self.gets(kind):
                self.old.add(number)
        self.after = found[-1][0] if len(found) == most else self.until

    def drop(self, number: int) -> bool:
        """Return whether an alert that is gone has waited, and count it no longer."""
        return self.after < number <= self.until or self.old.drop(number) or self.new.drop(number)


class _Stretches:
    """Numbers in rising order, as stretches: the first, the last, and how many there are between them.

    :ivar count: how many numbers there are.
    """

    def __init__(self) -> None:
        self.count = 0
        self._stretches: list[list[int]] = []

    @property
    def first(self) -> int:
        """Return the first number; 0: there is none."""
        return self._stretches[0][0] if self._stretches else 0

    def add(self, number: int) -> None:
        self.add_all(number, number)

    def add_all(self, first: int, last: int) -> None:
        """Add the numbers from *first* to *last*."""
        count = last - first + 1
        self.count += count
        if self._stretches:
            tail = self._stretches[-1]
            if tail[1] == first - 1 and tail[2] == first - tail[0]:  # it has no gaps
                tail[1] = last
                tail[2] += count
                return
        self._stretches.append([first, last, count])
        if len(self._stretches) > MOST_STRETCHES:
            self._join()

    def forget(self, until: int) -> None:
        """Forget the numbers up to *until*."""
        stretches = self._stretches
        if not stretches or stretches[0][0] > until:
            return
        whole = next((place for place, one in enumerate(stretches) if one[1] > until), len(stretches))
        self.count -= sum(count for _, _, count in stretches[:whole])
        del stretches[:whole]
        if stretches and stretches[0][0] <= until:
            first, last, count = stretches[0]
            left = -(-count * (last - until) // (last - first + 1))
            self.count -= count - left
            stretches[0] = [until + 1, last, left]

    def drop(self, number: int) -> bool:
        """Forget this number; return whether it was there."""
        for place, (first, last, count) in enumerate(self._stretches):
            if number > last:
                continue
            if number < first:
                return False
            self.count -= 1
            if count < last - first + 1:
                parts = [[first, last, count - 1]] if count > 1 else []
            else:
                parts = [[first, number - 1, number - first], [number + 1, last, last - number]]
            self._stretches[place : place + 1] = [part for part in parts if part[2]]
            return True
        return False

    def _join(self) -> None:
        """Make one stretch of each two, but for the last."""
        *pairs, tail = self._stretches
        self._stretches = [
            [first, last, count + more]
            for (first, _, count), (_, last, more) in zip(pairs[::2], pairs[1::2], strict=False)
        ]
        self._stretches += [*([pairs[-1]] if len(pairs) % 2 else []), tail]
