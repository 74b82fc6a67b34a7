"""Limits of how many alerts of a rule are delivered (``falcohost.limits``). Those beyond are stored, and held back.

A limit counts by the values of some fields. What it remembers is bounded: if there are too many values at once, alerts
with further ones are delivered, so that nobody can have an alert held back by making up values.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec
from msgspec import Struct

from falcohost.alert import Alert
from falcohost.digest import blake2b

#: Most combinations of values that one limit remembers; most limits; most fields of one.
MOST_KEYS: Final = 4096
MOST_LIMITS: Final = 64
MOST_FIELDS: Final = 8

#: Least seconds between two searches for combinations that can be forgotten.
PAUSE: Final = 1.0

#: Fields of an alert that does not have all values.
_INCOMPLETE: Final = ("falcohost.cut", "falcohost.missing", "falcohost.left_out")


class RateLimit(Struct, frozen=True):
    """Deliver at most *most* alerts of *rule* in *per* seconds, for each combination of values of the fields *by*.

    :ivar suppress: seconds for which alerts are held back once there were so many; 0: until *per* is over.
    """

    rule: str
    by: tuple[str, ...]
    most: int
    per: int
    suppress: int = 0


class Window:
    """How many alerts with one combination of values were delivered, until the monotonic time *until*."""

    __slots__ = ("_count", "_limit", "until")

    def __init__(self, limit: RateLimit, now: float) -> None:
        self.until = now + limit.per
        self._count = 0
        self._limit = limit

    @property
    def full(self) -> bool:
        """Return whether further alerts are held back."""
        return self._count >= self._limit.most

    def count(self, now: float) -> None:
        """Count an alert that is delivered."""
        self._count += 1
        if self.full and self._limit.suppress:
            self.until = now + self._limit.suppress


class Rate:
    """Counts the alerts of one *limit*.

    :ivar name: what alerts that it holds back are marked with.
    :ivar overflowed: number of alerts that were delivered since too many combinations were remembered.
    """

    def __init__(self, limit: RateLimit, name: str) -> None:
        self.name = name
        self.overflowed = 0
        self._limit = limit
        self._several = [f"falcohost.values.{field}" for field in limit.by]
        self._windows: dict[bytes, Window] = {}
        self._secret = os.urandom(16)
        self._forget_at = 0.0

    def window(self, alert: Alert, now: float) -> Window | None:
        """Return what counts *alert* at the monotonic time *now*; None: this limit is not for it."""
        key = self._key(alert)
        if key is None:
            return None
        window = self._windows.get(key)
        if window is None or now >= window.until:
            if window is None and not self._has_room(now):
                self.overflowed += 1
                return None
            window = self._windows[key] = Window(self._limit, now)
        return window

    def _key(self, alert: Alert) -> bytes | None:
        """Return the combination of values of *alert*; None: it does not have all, or stands for several."""
        given = alert.fields
        if self._limit.by and any(name in given for name in (*_INCOMPLETE, *self._several)):
            return None
        try:
            values = [given[name] for name in self._limit.by]
        except KeyError:
            return None
        return blake2b(msgspec.msgpack.encode(values), digest_size=16, key=self._secret).digest()

    def _has_room(self, now: float) -> bool:
        if len(self._windows) < MOST_KEYS:
            return True
        if now >= self._forget_at:
            self._forget_at = now + PAUSE
            for key in [key for key, window in self._windows.items() if now >= window.until]:
                del self._windows[key]
        return len(self._windows) < MOST_KEYS


class HeldBack:
    """How many alerts of one rule were held back since the one at the time *since* (ns), and have not been told.

    :ivar due: the monotonic time at which it is told by itself, if no alert of the rule has told it.
    """

    __slots__ = ("count", "due", "since")

    def __init__(self, count: int, since: int, due: float) -> None:
        self.count = count
        self.since = since
        self.due = due
