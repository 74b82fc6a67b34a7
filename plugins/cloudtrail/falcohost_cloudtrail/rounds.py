"""Tracks how far a bucket has been read: the cursor, and which listed objects are new.

CloudTrail delivers late and out of order: an object may come whose name is older than those already read. So a region
is listed from some time before its newest object on. A listed object is new if it arrived after everything known to be
handled when the listing began, and is not remembered. Arrival times are from S3's clock; the same time allows for
objects that show up later than that. Only what arrived within it is remembered.
"""

from __future__ import annotations

from base64 import b85encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import msgspec

from falcohost_cloudtrail import layout
from falcohost_cloudtrail.interval import Interval

#: Largest number of objects that are remembered per partition; beyond it, objects may be less late.
MOST_RECENT = 20_000

#: Largest number of unreadable objects per partition that are tried again.
MOST_MISSED = 1000


class Partition(msgspec.Struct, array_like=True):
    """How far the keys with one prefix have been read. Times are seconds since the epoch; keys lack the prefix.

    :ivar after: the greatest key that was handled.
    :ivar horizon: all objects up to *after* that arrived before this time are handled.
    :ivar recent: later arrivals that are handled: their times, by a short hash of the key.
    :ivar missed: objects that could not be read and are tried again.
    """

    after: str = ""
    horizon: float = 0.0
    recent: dict[str, float] = {}
    missed: list[str] = []


class Cursor(msgspec.Struct):
    """How far a bucket has been read.

    :ivar where: bucket and interval, as configured; the cursor does not apply to others.
    :ivar start: start of the interval when it was first used.
    """

    where: list[str] = []
    start: datetime | None = None
    end: datetime | None = None
    partitions: dict[str, Partition] = {}

    @property
    def interval(self) -> Interval:
        """The interval."""
        return Interval(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Listed:
    """A listed object: its *key*, and when it arrived."""

    key: str
    modified: float
    size: int = 0


class Round:
    """One listing of the partition *state*, begun at *begun*; objects may be *late* by this many seconds.

    :ivar missed_before: the keys that could not be read in earlier rounds.
    """

    def __init__(self, prefix: str, state: Partition, begun: float, late: float) -> None:
        self._prefix = prefix
        self._state = state
        self._next_horizon = begun - late
        if not state.after:
            state.horizon = self._next_horizon
        self._known = (state.after, state.horizon, dict(state.recent))
        self.missed_before = [prefix + rest for rest in state.missed]

    @property
    def has_room(self) -> bool:
        """Whether one more object may be missed."""
        return len(self._state.missed) < MOST_MISSED

    def is_new(self, listed: Listed) -> bool:
        """Return whether *listed* was not handled yet."""
        after, horizon, recent = self._known
        rest = self._rest(listed.key)
        return rest > after or (listed.modified > horizon and _mark(rest) not in recent)

    def handled(self, listed: Listed) -> None:
        """Record that *listed* is handled, and all new objects that were listed before it."""
        state, rest = self._state, self._rest(listed.key)
        if listed.modified > state.horizon:
            state.recent[_mark(rest)] = listed.modified
            if len(state.recent) > MOST_RECENT:
                _forget(state)
        state.after = max(state.after, rest)

    def missed(self, listed: Listed) -> None:
        """Record that *listed* could not be read; it counts as handled, but is tried again."""
        self.handled(listed)
        self._state.missed.append(self._rest(listed.key))

    def found(self, key: str) -> None:
        """Record that the object *key*, which was missed, was read after all or no longer exists."""
        self._state.missed.remove(self._rest(key))

    def close(self) -> None:
        """Record that everything in the listing is handled."""
        state = self._state
        state.horizon = max(state.horizon, self._next_horizon)
        state.recent = {mark: at for mark, at in state.recent.items() if at > state.horizon}

    def _rest(self, key: str) -> str:
        return key[len(self._prefix) :]


def span(prefix: str, state: Partition, interval: Interval, now: float, late: float) -> tuple[str, str | None]:
    """Return the key after which the next round begins, and the key before which it ends (None: no end)."""
    newest = layout.day_of(state.after)
    first = interval.start
    if newest is not None:
        possible = min(newest, datetime.fromtimestamp(now, UTC)) - timedelta(seconds=late)
        first = possible if first is None else max(first, possible)
    return layout.days(prefix, first, interval.end)


def _forget(state: Partition) -> None:
    """Forget the oldest tenth of the remembered objects."""
    state.horizon = max(state.horizon, sorted(state.recent.values())[len(state.recent) // 10])
    state.recent = {mark: at for mark, at in state.recent.items() if at > state.horizon}


def _mark(rest: str) -> str:
    return b85encode(blake2b(rest.encode(), digest_size=8).digest()).decode()
