"""Records what happens after alerts, in the worker of a source: bytes that another process writes to files.

A match of a rule that asks for it begins a capture, whose first event is the one that matched, or one of the time
before. Matches of any rule make it last longer. While a match waits for a lookup, what happens is kept for its capture.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from falcohost.engine.ruleset import Rule
from falcohost.errors import SourceError
from falcohost.events import Event, Source, complete
from falcohost.helpers import Helper, HelperEnded
from falcohost.host import wire
from falcohost.host.capturing.data import CaptureData
from falcohost.host.capturing.messages import NAME, SIZE, Begun, Ended
from falcohost.host.capturing.sending import Sending
from falcohost.host.task import Task
from falcohost.host.uplink import Uplink
from falcohost.log import log
from falcohost.recording import Recorder

if TYPE_CHECKING:
    from falcohost.host.capturing.waiting import Waiting

#: Seconds after a refusal in which no further capture is tried.
PATIENCE: Final = 10.0
#: Seconds by the clock after which a capture ends though no event says that its time is over.
LATE: Final = 1.0
_MS: Final = 1_000_000
_SECOND: Final = 1_000_000_000


def captures_of(task: Task, source: Source, helpers: Mapping[str, Helper], uplink: Uplink) -> Captures | None:
    """Return what records the events of an open *source*; None: nothing does. Call it before confining."""
    helper, make = helpers.get(NAME), task.spec.recorder
    if task.capture is None or helper is None or make is None:
        return None
    try:
        recorder = make(source)
    except SourceError as error:
        log.warning("no captures are recorded: %s", error)
        return None
    return Captures(task.capture, recorder, Sending(helper.link), task.kept, uplink.send)


class Captures:
    """The captures of one worker.

    :param recorder: a recorder of the source.
    :param keep: returns whether an event is kept in memory before any alert; None: none is.
    :param tell: tells the supervisor what has become of a capture.
    """

    def __init__(
        self,
        data: CaptureData,
        recorder: Recorder,
        sending: Sending,
        keep: Callable[[Any], object] | None,
        tell: Callable[[wire.Captured], None],
    ) -> None:
        self._data, self._model, self._sending, self._tell = data, recorder, sending, tell
        self._keep = keep
        self._recorder = recorder if keep is not None else None
        from falcohost.host.capturing.before import LISTING, Before  # few agents make captures

        self._listing = LISTING
        self._before = None if keep is None else Before(recorder, data.seconds, data.memory)
        self._until = 0  # the end of the running capture; 0: there is none
        self._latest = 0  # the latest end that matches since the last capture have asked for
        self._current: Event | None = None
        self._last: Event | None = None
        self._waiting: Waiting | None = None
        self._told_lost = 0
        self._refused = float("-inf")
        self._counts = {"begun": 0, "refused": 0, "lost": 0}

    @property
    def numbers(self) -> Mapping[str, int]:
        """Return how many captures have begun and were refused, and how many of their events had no room."""
        return {name: number for name, number in {**self._counts, "lost": self._sending.lost}.items() if number}

    def watch(self, events: Iterable[Any]) -> Iterator[Any]:
        """Yield *events*, and record those that belong to a capture."""
        keep = self._keep
        for event in events:
            self._current = event
            try:
                if self._until or (keep is not None and keep(event)):
                    self._take(event)
                elif self._waiting is not None:
                    self._wait(self._waiting, event)
            except Exception as error:
                self._fail(error)
            yield event
        self._current = None

    def may_match(self, event: Event, rules: Iterable[Rule]) -> None:
        """Remember an event that one of *rules* may match when a lookup has answered."""
        if not any(map(self._asks, rules)):
            return
        try:
            if self._before is not None or self._until:
                if self._last is not event:
                    self._take(event)
                return
            waiting = self._waiting
            if waiting is None or waiting.is_full:
                from falcohost.host.capturing.waiting import Waiting

                waiting = self._waiting = Waiting(self._model.anew())
                complete(event)
                waiting.keep(event)
                self._last = event
            waiting.may_match(event.key)
        except Exception as error:
            self._fail(error)

    def _wait(self, waiting: Waiting, event: Event) -> None:
        """Keep an event while a match may wait."""
        if waiting.is_over:
            self._waiting = None
            return
        complete(event)
        waiting.keep(event)
        self._last = event

    def matched(self, rule: Rule, event: Event) -> None:
        """Begin a capture if *rule* asks for it; any match has one that runs, or the next, last until its own end.

        :param event: one of those that are being watched, a view of it, or what is left of an earlier one.
        """
        latest = event.ts + (rule.capture_duration or self._data.duration) * _MS
        self._latest = latest = max(self._latest, latest)
        if self._until:
            self._until = latest
            return
        if not self._asks(rule):
            return
        if time.monotonic() < self._refused + PATIENCE:
            self._counts["refused"] += 1
        else:
            try:
                self._begin(event, latest)
            except Exception as error:
                self._fail(error)

    def tick(self, dropped: Mapping[str, int]) -> None:
        """Do what is due by the clock, about once a second.

        :param dropped: how many events the source has lost so far.
        :raises HelperEnded: the process that writes has ended.
        """
        try:
            self._tick(dropped)
        except OSError as error:
            raise HelperEnded from error

    def _tick(self, dropped: Mapping[str, int]) -> None:
        for answer in self._sending.answers():
            self._hear(answer)
        more = sum(dropped.values()) + self._sending.lost - self._told_lost
        self._told_lost += more
        if self._until and self._recorder is not None:
            if more > 0:
                self._sending.event(self._recorder.lost(time.time_ns(), more))
            if time.time_ns() > self._until + LATE * _SECOND:
                self._end()
        self._sending.flush()

    def close(self) -> None:
        """End what is running."""
        if self._until:
            with contextlib.suppress(OSError):  # whoever writes has ended it
                self._end()

    def _asks(self, rule: Rule) -> bool:
        return self._data.every_rule or rule.capture

    def _take(self, event: Event) -> None:
        recorder, before = self._recorder, self._before
        assert recorder is not None
        complete(event)
        if self._until:
            if event.ts >= self._until:
                self._end()
                return
            self._sending.event(recorder.record(event))
        elif before is not None:
            if before.is_due(event.ts):
                before.next(event.ts)
            before.add(event.ts, recorder.record(event))
        self._last = event

    def _begin(self, event: Event, until: int) -> None:
        waiting, self._waiting = self._waiting, None
        self._sending.open(max(event.ts, 0), event.num)
        self._until = until
        if self._before is not None:
            first, *others = [*self._before.taken()] or [self._model.begin(within=self._listing)]
            self._send(first, others)
        elif waiting is not None and waiting.has(event.key):
            self._recorder = waiting.recorder
            self._send(waiting.begin, waiting.taken(max(event.ts, 0)))
        else:
            self._recorder = self._model.anew()
            self._send(self._recorder.begin(within=self._listing), ())
            self._last = None
        current = self._current
        if current is not None and current is not self._last and current.key == event.key:
            self._take(current)
        self._sending.flush()

    def _send(self, begin: bytes, events: Iterable[bytes]) -> None:
        self._sending.begin(begin)
        for one in events:
            self._sending.event(one)

    def _fail(self, error: Exception) -> None:
        """Record no more for a while, after what must not disturb the source."""
        log.warning("a capture ends early: %s: %s", type(error).__name__, error)
        self._waiting = None
        with contextlib.suppress(Exception):
            self._give_up(again=False)

    def _end(self) -> None:
        self._until = self._latest = 0
        self._sending.close()
        if self._before is None:
            self._recorder = None

    def _hear(self, answer: Any) -> None:
        if isinstance(answer, Begun):
            self._counts["begun"] += 1
            self._tell(wire.Captured(path=answer.path))
        elif isinstance(answer, Ended):
            self._tell(wire.Captured(path=answer.path, size=answer.size, why=answer.early, ended=True))
            if answer.early:
                self._give_up(again=answer.early == SIZE)
        else:
            self._counts["refused"] += 1
            self._tell(wire.Captured(why=answer.reason, ended=True))
            self._give_up(again=False)

    def _give_up(self, *, again: bool) -> None:
        """Record no more, since nobody writes it; unless *again*, wait a while before the next."""
        if self._until:
            self._end()
        if not again:
            self._refused = time.monotonic()
