"""Sentinel events: the agent causes one each second, and each has to come back through the source (provisional).

A source whose events may stop without a sign of it, since somebody else can change what collects them, names the
function that causes them in :attr:`falcohost.SourceSpec.sentinel`, and is a :class:`SentinelSource`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

__all__ = ["MOST_CAUSE", "Heard", "SentinelSource"]

#: Most characters of a cause.
MOST_CAUSE: Final = 200


@dataclass(frozen=True, slots=True)
class Heard:
    """What a source says of its sentinel events. Times are nanoseconds of the monotonic clock.

    :ivar arrived: the number of the last one that has arrived, which is the time when it was caused.
    :ivar complete: all events from before this time have been read.
    :ivar cause: why later ones are missing, if they are, in the source's words; empty if it does not know.
    :ivar overloaded: that is for want of room or time, and nothing has been changed.
    """

    arrived: int
    complete: int
    cause: str = ""
    overloaded: bool = False


@runtime_checkable
class SentinelSource(Protocol):
    """A source that watches for its sentinel events."""

    def heard(self) -> Heard | None:
        """Return what has arrived; None: it cannot be watched for now. Called once a second, between two batches."""
