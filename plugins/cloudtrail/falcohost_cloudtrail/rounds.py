"""How far a bucket has been read: what the cursor holds, and which of the objects that are listed are new.

CloudTrail delivers out of order, and late: an object may come whose name is older than those that were read. So a
region is listed from some time before its newest object on. An object there is new if it came after all that was known
to be handled when the listing began, and is not remembered. When it came is what S3's clock says; that it shows later
than that is allowed for by the same time. What is remembered is what came within it, and no more.
"""

from __future__ import annotations

from base64 import b85encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import msgspec

from falcohost_cloudtrail import layout
from falcohost_cloudtrail.interval import Interval

#: How many objects are remembered of a partition; where more come in that time, they may be less late.
MOST_RECENT = 20_000

#: How many objects that could not be read are tried again, of a partition.
MOST_MISSED = 1000


class Partition(msgspec.Struct, array_like=True):
    """How far the keys with one prefix have been read. Times are seconds since the epoch, keys lack the prefix.

    :ivar after: the greatest key that was handled.
    :ivar horizon: all objects up to *after* that came until then are handled.
    :ivar recent: those that came later and are handled: when they came, by a short hash of the key.
    :ivar missed: those that could not be read, and are tried again.
    """

    after: str = ""
    horizon: float = 0.0
    recent: dict[str, float] = {}
    missed: list[str] = []


class Cursor(msgspec.Struct):
    """How far a bucket has been read.

    :ivar where: the bucket and the interval, as they are set; of another one the cursor says nothing.
    :ivar start: when the interval began that was meant at first.
    """

    where: list[str] = []
    start: datetime | None = None
    end: datetime | None = None
    partitions: dict[str, Partition] = {}

    @property
    def interval(self) -> Interval:
        """Return the interval."""
        return Interval(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as it is listed: its *key*, and when it came."""

    key: str
    modified: float
    size: int = 0


class Round:
    """One listing of the partition *state*, which began at *begun*; objects may be *late* so many seconds.

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
        """Return whether one more object may be missed."""
        return len(self._state.missed) < MOST_MISSED

    def is_new(self, listed: Listed) -> bool:
        """Return whether *listed* has not been handled."""
        after, horizon, recent = self._known
        rest = self._rest(listed.key)
        return rest > after or (listed.modified > horizon and _mark(rest) not in recent)

    def handled(self, listed: Listed) -> None:
        """Take note that *listed*, and all new ones that were listed before it, are handled."""
        state, rest = self._state, self._rest(listed.key)
        if listed.modified > state.horizon:
            state.recent[_mark(rest)] = listed.modified
            if len(state.recent) > MOST_RECENT:
                _forget(state)
        state.after = max(state.after, rest)

    def missed(self, listed: Listed) -> None:
        """Take note that *listed* could not be read; it is handled, but tried again."""
        self.handled(listed)
        self._state.missed.append(self._rest(listed.key))

    def found(self, key: str) -> None:
        """Take note that the object *key*, which was missed, has been read after all, or is gone."""
        self._state.missed.remove(self._rest(key))

    def close(self) -> None:
        """Take note that all that was listed is handled."""
        state = self._state
        state.horizon = max(state.horizon, self._next_horizon)
        state.recent = {mark: at for mark, at in state.recent.items() if at > state.horizon}

    def _rest(self, key: str) -> str:
        return key[len(self._prefix) :]


def span(prefix: str, state: Partition, interval: Interval, now: float, late: float) -> tuple[str, str | None]:
    """Return behind which key the next round begins, and before which it ends (None: with the last)."""
    newest = layout.day_of(state.after)
    first = interval.start
    if newest is not None:
        possible = min(newest, datetime.fromtimestamp(now, UTC)) - timedelta(seconds=late)
        first = possible if first is None else max(first, possible)
    return layout.days(prefix, first, interval.end)


def _forget(state: Partition) -> None:
    """Forget the oldest tenth of what is remembered."""
    state.horizon = max(state.horizon, sorted(state.recent.values())[len(state.recent) // 10])
    state.recent = {mark: at for mark, at in state.recent.items() if at > state.horizon}


def _mark(rest: str) -> str:
    return b85encode(blake2b(rest.encode(), digest_size=8).digest()).decode()
