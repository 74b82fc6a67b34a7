"""Causes sentinel events, and tells when they do not come back: then the source may see nothing of anything else.

What is compared are moments of one clock: when an event was caused, and up to when its source has read everything. So
a machine under load, on which all of them are late, is no reason for an alert.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from falcohost.alert import Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.loop import ALMOST
from falcohost.host.supervision.process import Times
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import NOTICE, log

MISSING: Final = "Falcohost internal: events do not arrive"
BACK: Final = "Falcohost internal: events arrive again"

#: Seconds between two sentinel events.
PAUSE: Final = 1.0
#: So many in a row have to be missing, or to have come back.
MISSES: Final = 2
RETURNS: Final = 3
#: Seconds by which a worker may be behind.
BEHIND: Final = 10.0
#: Seconds without a report after which a worker does not read; and after which one that waits for a processor counts.
SILENT: Final = 5.0
STARVED: Final = 15.0
#: Longest time between two looks; after a longer one this process itself was not running.
ASLEEP: Final = 3.0
#: Seconds between the first two attempts to mend a source, which double up to the most.
MENDS: Final = 10.0
SELDOM: Final = 120.0
#: Most events that are remembered.
_MOST: Final = 128
#: How much the difference of both clocks may vary, in seconds.
_STEADY: Final = 0.5

_UNKNOWN: Final = "it is not known why"

#: Causes the event with this number.
Cause: TypeAlias = Callable[[int], object]


class _Caused(NamedTuple):
    """A sentinel event: its number, which is the time before the call that caused it, and the time after it."""

    number: int
    done: int


class _Problem(NamedTuple):
    """Why events do not arrive, as a constant text, and the same with figures.

    :ivar changed: something has been changed, so that the source has to be opened anew.
    """

    kind: str
    text: str
    changed: bool = False


def suspended() -> float:
    """Return the seconds that the machine was suspended since it was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class Sentinels:
    """Watches those *children* whose source has a function in *causes*.

    :param mend: called with a child whose events do not arrive because something was changed.
    :param slept: returns the seconds that the machine was suspended so far.
    """

    def __init__(
        self,
        causes: Mapping[str, Cause],
        children: Iterable[Child],
        raise_alert: RaiseAlert,
        mend: Callable[[Child], object],
        clock: Clock = SYSTEM,
        slept: Callable[[], float] = suspended,
    ) -> None:
        self._clock = clock
        self._slept = slept
        self._suspended = slept()
        self._watched = [
            _Watched(child, causes[child.name], raise_alert, mend, clock) for child in children if child.name in causes
        ]
        self._last = clock.monotonic()

    @property
    def missing(self) -> bool:
        """Return whether events of a source do not arrive."""
        return any(one.is_missing for one in self._watched)

    def check(self) -> None:
        """Once a second, look at what has come back, and cause the next events."""
        now = self._clock.monotonic()
        if not self._watched or now - self._last < ALMOST * PAUSE:
            return
        suspended = self._slept()
        woken = now - self._last > ASLEEP or abs(suspended - self._suspended) > _STEADY
        self._last, self._suspended = now, suspended
        for one in self._watched:
            if woken:
                one.begin(now)
            one.look(now)
            one.cause()


class _Watched:
    """One source."""

    def __init__(
        self, child: Child, cause: Cause, raise_alert: RaiseAlert, mend: Callable[[Child], object], clock: Clock
    ) -> None:
        self._child = child
        self._cause = cause
        self._raise_alert = raise_alert
        self._mend = mend
        self._clock = clock
        self._caused: deque[_Caused] = deque(maxlen=_MOST)
        self._life = 0
        self._arrived = 0
        self._returned = 0
        self._told = ""
        self._since = self._mended = 0.0
        self._pause = MENDS
        self._silent_since = 0.0
        self._sample: tuple[float, Times] | None = None

    @property
    def is_missing(self) -> bool:
        """Return whether its events do not arrive."""
        return bool(self._told)

    def begin(self, now: float) -> None:
        """Begin to count anew: what was caused before may be missing, and silence is no sign."""
        self._caused.clear()
        self._silent_since = now
        self._sample = None

    def cause(self) -> None:
        """Cause an event."""
        number = self._now()
        self._cause(number)
        self._caused.append(_Caused(number, self._now()))

    def look(self, now: float) -> None:
        """Compare what has come back with what was caused."""
        child = self._child
        if child.lives != self._life:
            self._life = child.lives
            self.begin(now)
        if not child.alive or not child.ready or child.stalled:  # which is told by others
            self.begin(now)
            return
        problem = self._problem(now)
        if problem is not None:
            self._tell(problem, now)
        elif self._told:
            self._look_whether_it_is_back(now)

    def _now(self) -> int:
        return int(self._clock.monotonic() * 1e9)

    def _problem(self, now: float) -> _Problem | None:
        silent = now - max(self._child.heard, self._silent_since)
        if silent >= SILENT and not self._child.speech.awaits_answer:
            return self._silence(now, silent)
        if silent < PAUSE + PAUSE:
            self._sample = None
        elif self._sample is None:
            self._sample = now, self._times()
        heard = self._child.report.heard
        if heard is None:
            self._caused.clear()
            return None
        caused = self._caused
        while caused and caused[0].number <= heard.arrived:
            caused.popleft()
        missing = sum(one.done <= heard.complete for one in caused)
        if missing >= MISSES:
            cause = heard.cause or _UNKNOWN
            return _Problem(cause, f"the last {missing} sentinel events are missing: {cause}", not heard.overloaded)
        late = self._child.report.at - caused[0].number / 1e9 if caused else 0.0
        if late > BEHIND:
            return _Problem("behind", f"overload: its worker is {late:.0f} s behind with reading")
        return None

    def _silence(self, now: float, silent: float) -> _Problem | None:
        """Tell a worker that does not read from one that gets no processor."""
        if self._sample is None:
            self._sample = now, self._times()
        since, before = self._sample
        times = self._times()
        if times.waited - before.waited > (now - since) / 2 or now == since:
            if silent < STARVED:
                return None
            return _Problem("starved", f"overload: its worker has got no processor time for {silent:.0f} s")
        return _Problem("silent", f"its worker does not read: it has reported nothing for {silent:.0f} s")

    def _times(self) -> Times:
        process = self._child.process
        return Times() if process is None else process.times()

    def _tell(self, problem: _Problem, now: float) -> None:
        self._returned = 0
        if problem.kind != self._told:
            if not self._told:
                self._since = now
            self._told = problem.kind
            name = self._child.name
            text = f"events of source '{name}' do not arrive: {problem.text}"
            log.error("%s", text)
            self._raise_alert(MISSING, Priority.CRITICAL, text, {"source": name, "cause": problem.text})
        if problem.changed and self._may_mend(now):
            self._mend(self._child)

    def _may_mend(self, now: float) -> bool:
        """Return whether the source may be opened anew: at once, and then more and more seldom until it stays well."""
        since = now - self._mended
        if self._mended and since < self._pause:
            return False
        self._pause = min(2 * self._pause, SELDOM) if self._mended and since < SELDOM else MENDS
        self._mended = now
        return True

    def _look_whether_it_is_back(self, now: float) -> None:
        heard = self._child.report.heard
        if heard is None or heard.arrived <= self._arrived:
            return
        self._arrived = heard.arrived
        self._returned += 1
        if self._returned < RETURNS:
            return
        self._told = ""
        name, seconds = self._child.name, now - self._since
        text = f"events of source '{name}' arrive again, after {seconds:.0f} s"
        log.log(NOTICE, "%s", text)
        self._raise_alert(BACK, Priority.NOTICE, text, {"source": name, "seconds": int(seconds)})
