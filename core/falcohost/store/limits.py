"""Limits of the store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits: keep alerts of the last *days* days, and at most *megabytes* MiB of them.

    :ivar per_second: so many are taken from one source, in the long run.
    """

    days: int = 30
    megabytes: int = 512
    per_second: int = 5000


#: Limits of a store in memory.
IN_MEMORY = Limits(megabytes=64)
