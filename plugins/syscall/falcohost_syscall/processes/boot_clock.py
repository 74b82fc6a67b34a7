"""The clock by which the kernel dates events and starts of processes: nanoseconds since boot.

The probe and the kernel's tables have it as the initial time namespace does. Clocks that are read in another one, and
start times in ``/proc``, are off by the offset of the namespace of who reads them (time_namespaces(7)).
"""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import Final

#: Start times in ``/proc`` have this unit, in nanoseconds.
TICK: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
#: A boot time that is known this well, in nanoseconds, is not replaced.
CLOSE: Final = 1_000_000
_MEASURED: Final = 5  # times; the quickest counts


def boot_time(known: int = 0) -> int:
    """Return when the machine was booted, in nanoseconds since the epoch; another when the time of day is set.

    :param known: what was returned before; it stays while it is close.
    """
    if known and abs(_measure()[1] + own_offset() - known) <= CLOSE:
        return known
    measured = min(_measure() for _ in range(_MEASURED))[1] + own_offset()
    return known if abs(measured - known) <= CLOSE else measured


def _measure() -> tuple[int, int]:
    """Return how long this took, and by how much the time of day is ahead of our clock since boot."""
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    now = time.time_ns()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return after - before, now - (before + after) // 2


def own_offset() -> int:
    """Return by how many nanoseconds the clock since boot is ahead in our time namespace."""
    return _offset_of(os.getpid())


@functools.lru_cache(maxsize=1)
def _offset_of(pid: int) -> int:
    """Return the offset of process *pid*, which is our own, and keeps its namespace."""
    try:
        lines = Path(f"/proc/{pid}/timens_offsets").read_text().splitlines()
    except OSError:  # a kernel without time namespaces
        return 0
    offsets = {clock: int(seconds) * 1_000_000_000 + int(ns) for clock, seconds, ns in map(str.split, lines)}
    return offsets.get("boottime", 0)


def ticks(start: int) -> int:
    """Return the number that ``/proc`` shows us for a start time of the kernel's."""
    return (start + own_offset()) // TICK


def since_boot(number: int) -> int:
    """Return the start time that ``/proc`` shows us as *number*, rounded as it is there."""
    return number * TICK - own_offset()


def is_rounded(start: int) -> bool:
    """Tell whether a start time was read in ``/proc``, so that it may be less than a tick too early."""
    return (start + own_offset()) % TICK == 0
