"""Limits of the store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits: keep alerts of the last *days* days, and at most *megabytes* MiB of them."""

    days: int = 30
    megabytes: int = 512


#: Limits of a store in memory.
IN_MEMORY = Limits(megabytes=64)
