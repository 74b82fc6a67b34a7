"""Reads which of its alerts about itself falcohost raises."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from falcohost.host.config.reader import Reader
from falcohost.host.internal_alerts import ALERTS

#: The shortest and the longest time between two heartbeats, in seconds.
SHORTEST: Final = 1.0
LONGEST: Final = 86400.0


class InternalConfig(Struct, frozen=True):
    """The alerts about falcohost itself.

    :ivar off: the rules of those that are not raised.
    :ivar heartbeat: seconds between two heartbeats; 0: there are none.
    """

    off: tuple[str, ...]
    heartbeat: float


def read_internal(reader: Reader) -> InternalConfig:
    """Return which alerts are raised.

    :raises ConfigError: a value makes no sense.
    """
    ours = reader.section("falcohost")
    section, heartbeat = ours.section("internal"), ours.number("heartbeat")
    if heartbeat and not SHORTEST <= heartbeat <= LONGEST:
        raise ours.error("heartbeat", f"has to be 0, or {SHORTEST:.0f} to {LONGEST:.0f} seconds, not {heartbeat:g}")
    off = [one.rule for one in ALERTS if not one.other_key and not section.boolean(one.name)]
    return InternalConfig(tuple(off), heartbeat)
