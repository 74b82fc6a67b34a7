"""The age of alerts: a clock that goes on only as fast as time passes, whatever somebody sets the machine's clock to.

It begins with the time of day. From then on it follows the monotonic clock. Over a restart of the machine, which the
monotonic clock does not survive, it follows the time of day, by no more than :data:`MOST_OFF`. So a clock that is set
31 days ahead does not make alerts a month old. While the agent or the machine is off for long, alerts age less.
"""

from __future__ import annotations

import functools
import sqlite3
from pathlib import Path
from typing import NamedTuple

from falcohost.clock import Clock
from falcohost.store.packs import last_stored

#: Most seconds by which the age goes on while the machine is off.
MOST_OFF = 86_400

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Reading(NamedTuple):
    """The clock, as it is stored: its *seconds* at one moment, and other clocks at the same moment.

    :ivar boot: identifies the start of the machine (random(4)); empty: not known.
    :ivar monotonic: seconds of the monotonic clock of that start.
    :ivar wall: seconds since the epoch.
    """

    boot: str
    monotonic: float
    wall: int
    seconds: int


class Age:
    """Seconds since the epoch that only time itself makes pass.

    :param last: the last stored reading; None: there is none.
    :param stored: the time at which the last alert was stored, for files without a reading; None: there is no alert.
    """

    def __init__(self, last: Reading | None, stored: int | None, clock: Clock) -> None:
        self._clock = clock
        self._boot = boot_id()
        wall, monotonic = clock.time_ns() // 1_000_000_000, clock.monotonic()
        if last is None:
            seconds = wall if stored is None else stored + _off(wall - stored)
        elif last.boot == self._boot != "" and last.monotonic <= monotonic:
            seconds = last.seconds + int(monotonic - last.monotonic)
        else:
            seconds = last.seconds + _off(wall - last.wall)
        self._began = seconds - monotonic

    def now(self) -> int:
        """Return the seconds now."""
        return int(self._began + self._clock.monotonic())

    def reading(self) -> Reading:
        """Return a reading of now."""
        return Reading(self._boot, self._clock.monotonic(), self._clock.time_ns() // 1_000_000_000, self.now())


def stored_age(connection: sqlite3.Connection, clock: Clock) -> Age:
    """Return the age of a store, which goes on from its last reading.

    :raises sqlite3.Error: it cannot be read.
    """
    reading = connection.execute("SELECT boot, monotonic, wall, seconds FROM age").fetchone()
    return Age(None if reading is None else Reading(*reading), last_stored(connection), clock)


def _off(seconds: int) -> int:
    return min(max(seconds, 0), MOST_OFF)


@functools.cache
def boot_id() -> str:
    """Return what identifies this start of the machine; empty if it is not known. It is read once.

    A process that is about to lose ``/proc`` calls this before.
    """
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
