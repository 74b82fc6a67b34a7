"""Tells what has come of actions: of each that was taken; of what is refused or too much, only so many one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from falcohost.alert import Alert
from falcohost.clock import SYSTEM, Clock
from falcohost.host.response.messages import MOST_NAME, MOST_TEXT, Outcome, Result
from falcohost.token_bucket import TokenBucket

#: Outcomes a second that are told by themselves, and at once; the others are counted in later ones.
PER_SECOND: Final = 2.0
AT_ONCE: Final = 20.0

#: Seconds after which what was only counted is told.
LATER: Final = 5.0


def outcome(action: str, result: Result, text: str, alert: Alert, pid: int = 0) -> Outcome:
    """Return what has come of *action* on *alert*."""
    return Outcome(
        action=action[:MOST_NAME],
        result=result,
        text=text[:MOST_TEXT],
        alert=alert.id[:MOST_NAME],
        rule=alert.rule[:MOST_NAME],
        source=alert.source[:MOST_NAME],
        pid=pid,
    )


class Telling:
    """Passes outcomes to *tell*."""

    def __init__(self, tell: Callable[[Outcome], None], clock: Clock = SYSTEM) -> None:
        self._tell = tell
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}  # by source, so that none hides what has come of another's alerts
        self._held: Counter[tuple[str, str, Result]] = Counter()
        self._last: dict[tuple[str, str, Result], Outcome] = {}
        self._due = 0.0

    def add(self, found: Outcome) -> None:
        """Tell *found* now; or, if nothing was done and there are many of it, later."""
        if found.result in ("done", "failed") or self._bucket(found.source).claim():
            self._tell(found)
            return
        key = found.source, found.action, found.result
        if not self._held:
            self._due = self._clock.monotonic() + LATER
        self._held[key] += found.count
        self._last[key] = found

    def _bucket(self, source: str) -> TokenBucket:
        if source not in self._buckets:
            self._buckets[source] = TokenBucket(PER_SECOND, AT_ONCE, self._clock)
        return self._buckets[source]

    @property
    def wait(self) -> float | None:
        """Return the seconds until :meth:`tell_rest` has something to do; None: it has nothing."""
        return max(0.0, self._due - self._clock.monotonic()) if self._held else None

    def tell_rest(self, *, now: bool = False) -> None:
        """Tell what was only counted, if it is time for that."""
        if self._held and (now or self._clock.monotonic() >= self._due):
            for key, count in self._held.items():
                self._tell(replace(self._last[key], count=count))
            self._held.clear()
            self._last.clear()
