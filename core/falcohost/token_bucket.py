"""A token bucket: limits how often something is done, with room for a burst."""

from __future__ import annotations

from falcohost.clock import Clock


class TokenBucket:
    """Gains *rate* tokens a second, holds at most *burst*, and starts full."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._clock = clock
        self._at = clock.monotonic()

    def claim(self, tokens: float = 1.0) -> bool:
        """Take *tokens*; return whether there were as many."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True
