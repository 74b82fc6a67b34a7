"""How many actions are taken: so many a minute for the alerts of one source, and so many of each action.

What one source asks for is never at the cost of another, so that a worker in an attacker's hands cannot use up what
others may have.
"""

from __future__ import annotations

from collections.abc import Mapping

from falcohost.clock import SYSTEM, Clock
from falcohost.token_bucket import TokenBucket


class Caps:
    """The caps of all sources: *per_minute* for each, and those of *actions* by their names for each."""

    def __init__(self, per_minute: int, actions: Mapping[str, int], clock: Clock = SYSTEM) -> None:
        self._per_minute = per_minute
        self._actions = actions
        self._clock = clock
        self._buckets: dict[tuple[str, str], TokenBucket] = {}

    def claim(self, source: str, action: str) -> str | None:
        """Take one of *action* for *source*; return the cap that is reached instead, in words, or None."""
        if not self._bucket(source, action, self._actions[action]).claim():
            return f"more than {self._actions[action]} of it a minute"
        if not self._bucket(source, "", self._per_minute).claim():
            return f"more than {self._per_minute} actions a minute for the source '{source}'"
        return None

    def _bucket(self, source: str, action: str, per_minute: int) -> TokenBucket:
        key = source, action
        if key not in self._buckets:
            self._buckets[key] = TokenBucket(per_minute / 60, float(per_minute), self._clock)
        return self._buckets[key]
