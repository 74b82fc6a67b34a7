"""Decides which alerts are stored and delivered to nobody: silences, and limits of how many are delivered.

This is behind folding: a fold spares the machine, and counts what it leaves out; here every alert is stored, and people
are spared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from falcohost.alert import Alert
from falcohost.clock import Clock
from falcohost.engine.alerts import INTERNAL
from falcohost.engine.times import rfc3339
from falcohost.log import log
from falcohost.store import silences
from falcohost.store.age import Age
from falcohost.store.body import brief_of, encode
from falcohost.store.outline import whole
from falcohost.store.packs import held_back, packs
from falcohost.store.rates import HeldBack, Rate, RateLimit
from falcohost.store.row import Row
from falcohost.store.silences import Silence
from falcohost.store.where import Holds, WhereError


class _Active:
    """A silence that goes on, and whether it is about an alert of its rule."""

    __slots__ = ("holds", "silence")

    def __init__(self, silence: Silence) -> None:
        self.silence = silence
        self.holds: Holds = lambda alert: True
        if silence.where is not None:
            from falcohost.store.where_code import compiled  # what others do without; the store process has it

            self.holds = compiled(silence.where)


#: Seconds after which it is told by itself what limits have held back, at least.
TELLS: Final = 600.0


class Noise:
    """The silences in a store, and the *limits* of what is delivered.

    :ivar held: number of alerts that were held back.
    """

    def __init__(self, limits: Sequence[RateLimit], age: Age, clock: Clock) -> None:
        self.held = 0
        self._rates: dict[str, list[Rate]] = {}
        for place, limit in enumerate(limits):
            self._rates.setdefault(limit.rule, []).append(Rate(limit, f"limit {place + 1}"))
        self._held_back: dict[str, HeldBack] = {}
        self._loaded = False
        self._age = age
        self._clock = clock
        self._active: dict[str, list[_Active]] = {}
        self._untold: dict[str, list[Silence]] = {}
        self._changed: dict[int, Silence] = {}

    def __bool__(self) -> bool:
        """Return whether there is anything to decide."""
        return bool(self._active or self._untold or self._rates)

    @property
    def overflowed(self) -> int:
        """Return the number of alerts that limits have let through since they remembered too much."""
        return sum(rate.overflowed for group in self._rates.values() for rate in group)

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
        if not self._loaded:
            self._loaded = True
            due = self._clock.monotonic() + TELLS
            for rule, (count, since) in _held_back(connection, self._rates).items():
                self._held_back[rule] = HeldBack(count, since, due)

    def row(self, row: Row) -> Row:
        """Return what is to be stored instead of *row*, which nobody has judged yet."""
        alert = whole(row.alert, row.body)
        told, why = self.judge(alert)
        if told is alert and not why:
            return row
        return Row(row.seq, row.rewinds, told, row.body if told is alert else encode(told), why, row.key)

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
        if (rates := self._rates.get(alert.rule)) is not None:
            now = self._clock.monotonic()
            windows = [(rate, window) for rate in rates if (window := rate.window(alert, now)) is not None]
            if (full := next((rate for rate, window in windows if window.full), None)) is not None:
                self._hold_back(alert, now)
                return alert, full.name
            for _, window in windows:
                window.count(now)
            alert = self._with_held_back(alert)
        return self._with_untold(alert), ""

    def held_back(self) -> Iterator[tuple[str, int, int]]:
        """Yield each rule of which it is time to tell by itself how many alerts limits have held back, since when."""
        now = self._clock.monotonic()
        for rule in [rule for rule, held in self._held_back.items() if now >= held.due]:
            held = self._held_back.pop(rule)
            yield rule, held.count, held.since

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

    def _hold_back(self, alert: Alert, now: float) -> None:
        self.held += 1
        held = self._held_back.get(alert.rule)
        if held is None:
            held = self._held_back[alert.rule] = HeldBack(0, alert.time, now + TELLS)
        held.count += 1

    def _with_held_back(self, alert: Alert) -> Alert:
        held = self._held_back.pop(alert.rule, None)
        return alert if held is None else annotated(alert, "held back", held.count, held.since)

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


def _held_back(connection: sqlite3.Connection, rules: Container[str]) -> dict[str, tuple[int, int]]:
    """Return how many alerts of each rule limits have held back since one was delivered, and the time of the first."""
    found: dict[str, tuple[int, int]] = {}
    first = connection.execute("SELECT min(seq) FROM held WHERE why GLOB 'limit *'").fetchone()[0]
    for pack in () if first is None else packs(connection, first - 1):
        held = held_back(connection, pack.bodies[0][0], pack.bodies[-1][0])
        for seq, body in pack.bodies:
            brief = brief_of(body)
            if brief is None or brief.rule not in rules:
                continue
            if seq not in held:
                found.pop(brief.rule, None)
            elif held[seq].startswith("limit "):
                count, since = found.get(brief.rule, (0, brief.time))
                found[brief.rule] = count + 1, min(since, brief.time)
    return found


def annotated(alert: Alert, what: str, count: int, since: int) -> Alert:
    """Return *alert*, which tells that *count* alerts of its rule were *what* since the time *since* in ns."""
    said = f" ({count} alerts of this rule were {what} since {rfc3339(since)})"
    name = f"falcohost.{what.replace(' ', '_')}"
    return msgspec.structs.replace(
        alert,
        message=alert.message + said,
        output=alert.output + said if alert.source != INTERNAL else alert.output,
        fields={**alert.fields, name: count, f"{name}_since": since},
    )
