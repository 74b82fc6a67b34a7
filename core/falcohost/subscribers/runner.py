"""A runner: the thread of one subscriber, which delivers alerts in order and stores the answers.

It reads alerts from the store after the subscriber's mark. A failed delivery is retried with back-off; the mark moves
when it has succeeded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from falcohost.clock import SYSTEM, Clock
from falcohost.errors import OutputClosed, OutputError, OutputLost, StateError
from falcohost.log import log
from falcohost.store.arrival import Refusal
from falcohost.subscriber import MOST_TAKEN
from falcohost.subscribers.taker import NOTHING, LineStore, RunnerStore, Taken, Taker, ToOutput
from falcohost.subscribers.trouble import Trouble

#: Longest time that a buffered runner gathers alerts, in seconds.
GATHER = 1.0

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0

#: Minimum seconds between two ticks, and maximum seconds between two looks at the clock, which somebody may set.
TICK = 1.0
LOOK = 10.0

#: Number of alerts that it is behind which is reported, and again each time it has doubled.
LONG = 10_000


#: An alert, or its line, with its number.
Row: TypeAlias = tuple[int, Any]


class Runner:
    """Delivers the alerts in *store* to *taker*.

    :param buffered: gather alerts for up to :data:`GATHER` seconds.
    :ivar name: the subscriber's name.
    :ivar kind: what messages call it (``output``).
    :ivar mark: number of the last alert that it has taken.
    :ivar dropped: number of alerts that will never be delivered.
    :ivar refused: number of alerts that were parked.
    :ivar gone: its reader is gone for good.
    :ivar lost: it cannot work in this process any more.
    """

    def __init__(
        self,
        name: str,
        taker: Taker,
        store: RunnerStore,
        *,
        kind: str = "output",
        buffered: bool = False,
        clock: Clock = SYSTEM,
    ) -> None:
        self.name = name
        self.kind = kind
        self.mark = store.subscribe(name).mark
        self.dropped = self.refused = 0
        self.gone = self.lost = self._progressed = False
        self._label = f"{kind} '{name}'"
        self._taker = taker
        self._store = store
        self._read: Callable[[int, int], list[Row]] = store.read
        self._take: Callable[[Sequence[Row]], Taken] = self._take_alerts
        if isinstance(taker, ToOutput) and taker.form is not None and isinstance(store, LineStore):
            self._read = partial(store.lines, form=taker.form)
            self._take = partial(_take_lines, taker)
        self._buffered = buffered
        self._clock = clock
        self._answered: Callable[[Taken], None] = lambda taken: None
        self._changed = threading.Condition()
        self._closing = False
        self._reopening = False
        self._busy_since: float | None = None
        self._report_at = LONG
        self._tell_refused_at = 1
        self._due: int | None = None
        self._next_tick = clock.monotonic()
        self._delay = TICK
        self._trouble = Trouble(self._label)
        self._due_trouble = Trouble(f"{self._label}: when it is due")
        self._thread = threading.Thread(target=self._run, name=f"{kind} {name}", daemon=True)

    def start(self, answered: Callable[[Taken], None] = lambda taken: None) -> None:
        """Start the thread; it calls *answered* after storing each answer."""
        self._answered = answered
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Return the number of alerts that it has not been asked about yet, also those that are not for it."""
        return self._store.last - self.mark

    def notify(self) -> None:
        """Wake the thread because there are new alerts in the store. Never blocks."""
        with self._changed:
            self._changed.notify_all()
        if self.waiting >= self._report_at:
            self._report_at = 2 * self.waiting
            log.warning("the %s does not keep up: it is %d alerts behind", self._label, self.waiting)

    def reopen(self) -> None:
        """Reopen the subscriber before the next delivery."""
        with self._changed:
            self._reopening = True
            self._changed.notify_all()

    def busy(self) -> float:
        """Return the seconds that the current delivery has taken; 0 if there is none."""
        since = self._busy_since
        return 0.0 if since is None else self._clock.monotonic() - since

    def close(self, timeout: float) -> None:
        """Deliver what is left, for at most *timeout* seconds, and close the subscriber.

        Alerts that are still left wait for the next run, if the store is on disk.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout)
        left = self.waiting
        if not self._thread.is_alive() or not left:
            return
        if self._store.kept:
            text = "the %s is still blocked; what it gets of the last %d alerts is delivered in the next run"
            log.error(text, self._label, left)
        else:
            log.error("the %s is still blocked; discarding what it gets of the last %d alerts", self._label, left)
            self.dropped += left

    def _run(self) -> None:
        self._look_what_is_due()
        while self._wait():
            if self._reopening:
                self._reopen()
            if self.waiting:
                self._hand_over()
            elif self._due is not None and self._until_tick() <= 0:
                self._tick(self._due)
        try:
            self._taker.close()
        except Exception as error:
            log.error("%s cannot be closed: %s", self._label, error)

    def _wait(self) -> bool:
        """Wait for something to do; return whether there is any before the end."""
        with self._changed:
            timeout = None if self._due is None else max(0.0, min(self._until_tick(), LOOK))
            self._clock.wait_for(self._changed, lambda: bool(self.waiting) or self._urgent(), timeout)
            if self._buffered:
                self._clock.wait_for(self._changed, lambda: self.waiting >= MOST_TAKEN or self._urgent(), GATHER)
            return bool(self.waiting) or self._reopening or not self._closing

    def _until_tick(self) -> float:
        """Return the seconds until what is due may be done; there is something due."""
        assert self._due is not None
        due = (self._due - self._clock.time_ns()) / 1e9
        return max(due, self._next_tick - self._clock.monotonic())

    def _look_what_is_due(self) -> None:
        try:
            self._due = self._taker.due()
        except Exception as error:
            self._due = None
            self._due_trouble.begins(error)
        else:
            self._due_trouble.ends()

    def _tick(self, due: int) -> None:
        """Pass on the time that is due; after a failure try again with back-off, and deliver new alerts first."""
        now = max(due, self._clock.time_ns())
        taken = self._try(lambda: self._taker.tick(self.mark, due, now))
        self._delay = TICK if taken is not None else min(2 * self._delay, LONGEST_DELAY)
        self._next_tick = self._clock.monotonic() + self._delay
        if taken is not None:
            self._store.answer(self.name, self.mark, taken.alerts, taken.state)
            self._answered(taken)
            self._look_what_is_due()

    def _urgent(self) -> bool:
        return self._closing or self._reopening

    def _pause(self) -> None:
        with self._changed:
            self._clock.wait_for(self._changed, lambda: False, FIRST_DELAY)

    def _hand_over(self) -> None:
        """Deliver the next alerts; the mark moves once they are taken."""
        until = self._store.last
        try:
            found = self._read(self.mark, MOST_TAKEN)
        except StateError:
            self._pause()  # the store has logged it
            return
        taken = NOTHING
        if found:
            until = found[-1][0]
            found, taken = self._insist(found)
        refused = [Refusal(found[index][0], reason) for index, reason in taken.refused.items()]
        self._store.answer(self.name, until, taken.alerts, taken.state, refused)
        self._tell_refused(refused)
        self.mark = until
        self._answered(taken)
        self._look_what_is_due()

    def _tell_refused(self, refused: Sequence[Refusal]) -> None:
        """Log that alerts are parked, each time their number has doubled."""
        self.refused += len(refused)
        if refused and self.refused >= self._tell_refused_at:
            self._tell_refused_at = 2 * self.refused
            text = "%s has refused %d alert%s for good (%s); falcohost store parked shows them"
            log.error(text, self._label, self.refused, "s"[: self.refused > 1], refused[-1].reason)

    def _insist(self, rows: list[Row]) -> tuple[list[Row], Taken]:
        """Deliver the alerts in *rows* again and again; return those of the last attempt, and what came of that."""
        delay = FIRST_DELAY
        while (taken := self._try(partial(self._take, rows), len(rows))) is None:
            rows = [row for row in rows if row[0] > self.mark]
            if self._progressed:
                delay = FIRST_DELAY
            with self._changed:
                hurried = self._clock.wait_for(self._changed, self._urgent, delay)
            if self._reopening:
                self._reopen()
            delay = FIRST_DELAY if hurried else min(2 * delay, LONGEST_DELAY)
            if hurried:
                self._pause()
        return rows, taken

    def _take_alerts(self, rows: Sequence[Row]) -> Taken:
        return self._taker.take(self.mark, [alert for _, alert in rows], lambda count: self._arrived(rows, count))

    def _arrived(self, rows: Sequence[Row], count: int) -> None:
        """Move the mark behind the first *count* of *rows* during their delivery, but for the last."""
        if 0 < count < len(rows) and (mark := rows[count - 1][0]) > self.mark:
            self._store.answer(self.name, mark)
            self.mark = mark

    def _try(self, call: Callable[[], Taken], count: int = 0) -> Taken | None:
        """Return the result of *call* about *count* alerts, empty if the subscriber is gone; None: try again."""
        if self.gone:
            self.dropped += count
            return NOTHING
        self._busy_since = self._clock.monotonic()
        try:
            taken = call()
        except OutputClosed as error:
            self.gone = True
            self.dropped += count
            log.error("%s: %s", self._label, error)
            return NOTHING
        except Exception as error:
            self._trouble.begins(error)
            self._progressed = isinstance(error, OutputError) and error.progressed
            self.lost = self.lost or isinstance(error, OutputLost)
            self._taker.recover()
            return None
        finally:
            self._busy_since = None
        self._trouble.ends()
        return taken

    def _reopen(self) -> None:
        self._reopening = False
        try:
            self._taker.reopen()
        except Exception as error:
            self._trouble.begins(error)


def _take_lines(taker: ToOutput, rows: Sequence[Row]) -> Taken:
    return taker.take_lines([line for _, line in rows])
