"""Decides which alerts are stored and delivered to nobody: the silences, as the store uses them.

This is behind folding: a fold spares the machine, and counts what it leaves out; here every alert is stored, and people
are spared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from falcohost.alert import Alert
from falcohost.clock import Clock
from falcohost.engine.alerts import INTERNAL
from falcohost.engine.times import rfc3339
from falcohost.log import log
from falcohost.store import silences
from falcohost.store.age import Age
from falcohost.store.arrival import Row
from falcohost.store.body import encode
from falcohost.store.silences import Silence
from falcohost.store.where import Holds, WhereError, compiled


class _Active:
    """A silence that goes on, and whether it is about an alert of its rule."""

    __slots__ = ("holds", "silence")

    def __init__(self, silence: Silence) -> None:
        self.silence = silence
        self.holds: Holds = (lambda alert: True) if silence.where is None else compiled(silence.where)


class Noise:
    """The silences in a store.

    :ivar held: number of alerts that were held back.
    """

    def __init__(self, age: Age, clock: Clock) -> None:
        self.held = 0
        self._age = age
        self._clock = clock
        self._active: dict[str, list[_Active]] = {}
        self._untold: dict[str, list[Silence]] = {}
        self._changed: dict[int, Silence] = {}

    def __bool__(self) -> bool:
        """Return whether there is anything to decide."""
        return bool(self._active or self._untold)

    def load(self, connection: sqlite3.Connection) -> None:
        """Read the silences anew. One that this version cannot read ends, so that its alerts are delivered."""
        self._active.clear()
        self._untold.clear()
        self._changed.clear()
        for silence in silences.load(connection):
            try:
                self._active.setdefault(silence.rule, []).append(_Active(silence))
            except WhereError as error:
                log.error("silence %d is ended: %s", silence.number, error)
                self._end(silence, "it cannot be read")
        for silence in silences.untold(connection):
            self._untold.setdefault(silence.rule, []).append(silence)

    def row(self, seq: int, rewinds: bool, alert: Alert) -> Row:
        """Return what is to be stored of *alert* under the number *seq*."""
        told, why = self.judge(alert)
        return Row(seq, rewinds, told, encode(told), why)

    def judge(self, alert: Alert) -> tuple[Alert, str]:
        """Return *alert* as it is to be stored, and by what it is held back; empty: it is delivered."""
        for active in self._active.get(alert.rule, ()):
            silence = active.silence
            if not silence.ends(self._age.now(), self._now()) and active.holds(alert):
                active.silence = self._changed[silence.number] = replace(
                    silence, count=silence.count + 1, untold=silence.untold + 1, since=silence.since or alert.time
                )
                self.held += 1
                return alert, f"silence {silence.number}"
        return self._with_untold(alert), ""

    def look(self) -> Iterator[tuple[Silence, str]]:
        """End silences whose time is over; yield each that nobody was told of, with what there is to tell."""
        age, now = self._age.now(), self._now()
        for active in [one for group in self._active.values() for one in group]:
            if not active.silence.announced:
                active.silence = self._changed[active.silence.number] = replace(active.silence, announced=1)
                yield active.silence, "began"
            if active.silence.ends(age, now):
                self._drop(active)
                self._end(active.silence, "its time is over")
        for group in [*self._untold.values()]:
            for place, silence in enumerate(group):
                if silence.announced < 2:
                    group[place] = self._changed[silence.number] = replace(silence, announced=2)
                    yield group[place], "ended"
        self._forget_told()

    @property
    def waiting(self) -> bool:
        """Return whether there is something to write."""
        return bool(self._changed)

    def writing(self) -> Callable[[sqlite3.Connection], None]:
        """Return what writes the changes, in a transaction that has begun."""
        changed = [*self._changed.values()]

        def write(connection: sqlite3.Connection) -> None:
            for silence in changed:
                silences.write(connection, silence)

        return write

    def written(self) -> None:
        """Take note that the changes are written."""
        self._changed.clear()

    def _with_untold(self, alert: Alert) -> Alert:
        """Return *alert* with the number of alerts of its rule that were silenced since the last one."""
        active = self._active.get(alert.rule, [])
        ended = self._untold.get(alert.rule, [])
        told = [one for one in (*(each.silence for each in active), *ended) if one.untold]
        if not told:
            return alert
        count, since = sum(one.untold for one in told), min(one.since for one in told)
        for each in active:
            each.silence = self._told(each.silence)
        ended[:] = [self._told(one) for one in ended]
        self._forget_told()
        return annotated(alert, "silenced", count, since)

    def _told(self, silence: Silence) -> Silence:
        if not silence.untold:
            return silence
        told = self._changed[silence.number] = replace(silence, untold=0, since=0)
        return told

    def _forget_told(self) -> None:
        for rule, group in [*self._untold.items()]:
            if left := [one for one in group if one.untold or one.announced < 2]:
                self._untold[rule] = left
            else:
                del self._untold[rule]

    def _end(self, silence: Silence, why: str) -> None:
        ended = self._changed[silence.number] = replace(silence, ended=max(1, self._now()), why=why)
        self._untold.setdefault(silence.rule, []).append(ended)

    def _drop(self, active: _Active) -> None:
        group = self._active[active.silence.rule]
        group.remove(active)
        if not group:
            del self._active[active.silence.rule]

    def _now(self) -> int:
        return self._clock.time_ns() // 1_000_000_000


def annotated(alert: Alert, what: str, count: int, since: int) -> Alert:
    """Return *alert*, which tells that *count* alerts of its rule were *what* since the time *since* in ns."""
    said = f" ({count} alerts of this rule were {what} since {rfc3339(since)})"
    return msgspec.structs.replace(
        alert,
        message=alert.message + said,
        output=alert.output + said if alert.source != INTERNAL else alert.output,
        fields={**alert.fields, f"falcohost.{what}": count, f"falcohost.{what}_since": since},
    )
