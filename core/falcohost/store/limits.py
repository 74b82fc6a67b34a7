"""Limits of the store."""

from __future__ import annotations

from dataclasses import dataclass

from falcohost.store.rates import RateLimit


@dataclass(frozen=True)
class Limits:
    """Limits: keep alerts of the last *days* days, and at most *megabytes* MiB of them.

    :ivar per_second: so many are taken from one source, in the long run.
    :ivar rates: how many alerts of a rule are delivered.
    """

    days: int = 30
    megabytes: int = 512
    per_second: int = 5000
    rates: tuple[RateLimit, ...] = ()

    @property
    def in_memory(self) -> Limits:
        """Return the limits of a store in memory: of how much it keeps, its own; of what is delivered, these."""
        return Limits(megabytes=IN_MEMORY.megabytes, rates=self.rates)


#: Limits of a store in memory.
IN_MEMORY = Limits(megabytes=64)
