"""How much of what was detected is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much is kept: alerts of the last *days*, and no more than *megabytes* of them."""

    days: int = 30
    megabytes: int = 512


#: What a store that does not outlive the process keeps.
IN_MEMORY = Limits(megabytes=64)
