"""Finds whose calls of a kind pass the filters again and again and match no rule, so that fewer of them pass.

What filters can know decides what passes them. A rule that asks for more lets every call of its kind pass, so that who
makes many of these fills the ring. The reader alone sees that none of them matches.

Events that occur all the time, whatever programs do, are told apart whether they match or not: they have budgets of
their own then, and cost those of other rules nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from falcohost_syscall.calls.base_syscalls import COSTLY
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.decoding.event import RecordEvent
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import CALL, CGROUP, FLAGS, KIND, UID
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.records.record import FLAG_CUT, FLAG_REWRITTEN, FLAG_UNREADABLE, KIND_CALL, Caller

#: Seconds over which is counted, and for which the reader has to be behind all the time: else it has only paused.
SPAN: Final = 1.0
#: Of so many events one is counted, as looking at each takes too long.
STEP: Final = 8
#: Least number of counted events of one caller in that time.
LEAST: Final = 128
#: Of how many counted events one matches at most.
SHARE: Final = 16
#: Seconds for which it holds.
LASTS: Final = 10.0

#: Rows of events that occur all the time.
OFTEN: Final = frozenset(BY_NAME[name].call for name in COSTLY)

# Those have a budget of their own in any case.
_DOUBTFUL: Final = FLAG_CUT | FLAG_UNREADABLE | FLAG_REWRITTEN


class Unmatched:
    """Counts some of the events, by their callers."""

    def __init__(self) -> None:
        self._passed: Counter[Caller] = Counter()
        self._matched: Counter[Caller] = Counter()
        self._counted: object = None
        self._since: float | None = None
        self._often: set[Caller] = set()
        self._told: dict[Caller, float] = {}

    def begin(self, now: float) -> None:
        """Count from now on, unless that has begun: the reader is behind."""
        if self._since is None:
            self._since = now

    def end(self) -> None:
        """Forget what was counted: the reader is not behind any more."""
        if self._since is not None:
            self._since = self._counted = None
            self._passed.clear()
            self._matched.clear()

    def counted(self, events: Iterable[SyscallEvent]) -> Iterator[SyscallEvent]:
        """Yield *events*, and count some of them."""
        for place, event in enumerate(events):
            if not place % STEP and (caller := _caller(event)) is not None:
                self._passed[caller] += 1
                self._counted = event
            yield event

    def seen(self, events: Iterable[SyscallEvent]) -> Iterator[SyscallEvent]:
        """Yield *events*, and take note of whose events occur all the time."""
        for place, event in enumerate(events):
            if not place % STEP and (caller := _caller(event)) is not None and caller.call in OFTEN:
                self._often.add(caller)
            yield event

    def often(self, now: float) -> list[Caller]:
        """Return those whose events occur all the time, each again before it does not hold any more."""
        found = [caller for caller in self._often if now - self._told.get(caller, -LASTS) > LASTS / 2]
        self._told = {caller: told for caller, told in self._told.items() if now - told < LASTS}
        self._told |= dict.fromkeys(found, now)
        self._often.clear()
        return found

    def matched(self, event: object) -> None:
        """Count an event that a rule may match, if it was counted."""
        if event is self._counted and (caller := _caller(event)) is not None:
            self._matched[caller] += 1

    def found(self, now: float) -> list[Caller]:
        """Return those of whom many events came and hardly any matched, once for each span of time."""
        if self._since is None or now - self._since < SPAN:
            return []
        found = [caller for caller, count in self._passed.items() if count >= max(LEAST, SHARE * self._matched[caller])]
        self.end()
        self.begin(now)
        return found


def _caller(event: object) -> Caller | None:
    """Return who has made the call; None if *event* is no call, or one of which filters could not know all."""
    if not isinstance(event, RecordEvent):
        return None
    h = event.h
    if h[KIND] != KIND_CALL or h[FLAGS] & _DOUBTFUL:
        return None
    return Caller(h[UID] or h[CGROUP], h[CALL], int(h[UID] != 0))
