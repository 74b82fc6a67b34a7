"""A worker: one process, one source. Source → matcher → alerts to the supervisor, and nothing else.

It is forked when the rules are compiled, so that it shares their pages with the supervisor. It never returns into the
code that forked it; it ends by ``os._exit``.
"""

from __future__ import annotations

import gc
import itertools
import os
import signal
import socket
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn, TypeAlias

from falcohost import listening, log
from falcohost.alert import Alert
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.errors import FalcohostError
from falcohost.events import Event, MeasuredSource, Plan, Source
from falcohost.hookspecs import SourceSpec
from falcohost.host import kept_sockets, privileges, wire
from falcohost.host.config.sections import FoldConfig
from falcohost.host.fold import Fold
from falcohost.host.numbers import counted

#: What a worker and its supervisor have handlers for.
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

#: An alert leaves with its batch, or when others have waited for it so many seconds, or are so many.
GATHER = 0.05
MOST_GATHERED = 256

#: Seconds for which a worker that is told to stop still reads what has happened until then, at most. One whose source
#: rewinds reads the rest after the next start.
LINGER, LINGER_REWINDING = 3.0, 1.0

#: Seconds between two messages about events on which a rule failed.
QUIET = 10.0


Match: TypeAlias = Callable[[Event], Sequence[Rule]]
MatchViews: TypeAlias = Callable[[Sequence[Event]], Sequence[tuple[Rule, Event]]]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one source as a worker uses them.

    :ivar plan: what they want of the source.
    :ivar match: returns the rules that an event matches.
    :ivar match_views: the same of an event with several views, each rule with the view that it matches.
    """

    plan: Plan
    match: Match
    match_views: MatchViews

    @classmethod
    def compiled(cls, source: str, rules: Sequence[Rule], *, first: bool) -> Rules:
        """Compile *rules*, the enabled ones of *source*; *first*: only the first that an event matches counts."""
        matcher = Matcher(rules, first=first)
        return cls(make_plan(source, rules), matcher.match, matcher.match_views)


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker does.

    :ivar settings: the plugin's own configuration.
    :ivar make: returns the alert of a rule that matched.
    :ivar decode: returns the rules that a message of the supervisor holds.
    :ivar fold: when matches become one counted alert, of a source that does not rewind.
    """

    spec: SourceSpec
    settings: Mapping[str, Any]
    rules: Rules
    make: Callable[[Rule, Event], Alert]
    decode: Callable[[wire.NewRules], Rules]
    fold: FoldConfig


def run_worker(
    task: Task, link: socket.socket, parent: int, cursor: str | None, kept: Mapping[str, Sequence[int]]
) -> NoReturn:
    """Run *task* in this process, which is the fork, until the source ends or SIGTERM comes.

    :param kept: what an earlier worker listened on.
    """
    status = 1
    try:
        stop = _take_over(link, parent, kept)
        status = _work(task, _Uplink(link), stop, parent, cursor)
    except SystemExit:
        pass  # the supervisor is gone
    finally:
        os._exit(status)


@dataclass(slots=True)
class _Stop:
    """Becomes true with SIGTERM."""

    asked: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


class _Uplink:
    """The way to the supervisor. Alerts are gathered into few messages without being late.

    :ivar rewinds: the batch at work has a cursor.
    """

    def __init__(self, link: socket.socket) -> None:
        self.rewinds = False
        self._link = link
        self._lock = threading.Lock()  # a source's threads send what they log
        self._alerts: list[Alert] = []
        self._first = 0.0
        self._cursor: str | None = None
        self._received: wire.Received[wire.Down] = wire.Received(wire.Down)

    def send(self, message: wire.Up) -> None:
        """Send *message*.

        :raises SystemExit: nobody is there any more, so there is nothing left to do.
        """
        try:
            with self._lock:
                wire.send(self._link, message)
        except OSError as error:
            raise SystemExit(1) from error

    def send_sockets(self) -> None:
        """Send what the source listens on.

        :raises SystemExit: nobody is there any more.
        """
        try:
            with self._lock:
                kept_sockets.hand_up(self._link)
        except OSError as error:
            raise SystemExit(1) from error

    def add(self, alert: Alert) -> None:
        """Take an alert on its way."""
        now = time.monotonic()
        if not self._alerts:
            self._first = now
        self._alerts.append(alert)
        if len(self._alerts) >= MOST_GATHERED or now - self._first > GATHER:
            self.flush(None)

    def flush(self, cursor: str | None) -> None:
        """Send what was gathered, and the cursor that is true with it, if that is another than the last."""
        new = None if cursor == self._cursor else cursor
        if self._alerts or new is not None:
            self.send(wire.Alerts(self._alerts, new, self.rewinds))
            self._cursor = new or self._cursor
            self._alerts = []

    def log(self, level: int, text: str) -> None:
        """Send a message for the log."""
        self.send(wire.LogLine(level, text))

    def received(self) -> list[wire.Down]:
        """Return what the supervisor has said since the last call, without waiting."""
        try:
            data = self._link.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError as error:
            raise SystemExit(1) from error
        if not data:
            raise SystemExit(1)
        return self._received.feed(data)


class _Tally:
    """Counts matches, and events on which a rule could not be evaluated; says so now and then.

    :ivar matched: matches by event type; *hit*: events that matched, by type; *rules*: matches by rule.
    :ivar measuring: the source was told to measure what events cost, if it can.
    """

    def __init__(self) -> None:
        self.matched: Counter[str] = Counter()
        self.hit: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.failed = 0
        self.measuring = False
        self._said = -QUIET

    def matches(self, event: Event, rules: Sequence[Rule]) -> None:
        """Count an event that matches *rules*, one or more."""
        self.hit[event.type] += 1
        self.matched[event.type] += len(rules)
        for rule in rules:
            self.rules[rule.name] += 1

    def fails(self, event: Event, error: Exception) -> None:
        """Count one; the event is lost to the rules, the worker goes on."""
        self.failed += 1
        if time.monotonic() - self._said >= QUIET:
            self._said = time.monotonic()
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.log.error(
                "a rule could not be evaluated on a %s event (%d so far): %s: %s (%s:%s)",
                event.type, self.failed, type(error).__name__, error, place.filename, place.lineno,
            )  # fmt: skip


def _take_over(link: socket.socket, parent: int, kept: Mapping[str, Sequence[int]]) -> _Stop:
    """Make this fork a process of its own: signals, descriptors, the log."""
    privileges.die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    stop = _Stop()
    signal.signal(signal.SIGTERM, stop)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    _let_go_of_descriptors({link.fileno(), *itertools.chain(*kept.values())})
    listening.inherit(kept)
    return stop


def _let_go_of_descriptors(keep: Set[int]) -> None:
    """Put /dev/null behind every inherited descriptor but those to *keep* and stderr; stdout becomes stderr.

    The numbers stay taken, so that an inherited object that closes its own never closes one of the source's.
    """
    null = os.open(os.devnull, os.O_RDWR)
    inherited = [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    for number in inherited:
        if number not in {1, 2, null, *keep}:
            os.dup2(null, number, inheritable=number == 0)
    os.dup2(2, 1)


def _work(task: Task, uplink: _Uplink, stop: _Stop, parent: int, cursor: str | None) -> int:
    log.forward(uplink.log)
    fold = Fold(task.fold, task.make, uplink.add)
    source: Source | None = None
    try:
        privileges.close_the_way_back()
        source = task.spec.make(task.settings)
        source.open(task.rules.plan, cursor)
        uplink.send_sockets()
        privileges.drop_privileges(task.spec.capabilities)
        privileges.die_with_parent(parent)  # a change of user has disarmed it
        uplink.send(wire.Ready())
        _pump(task, source, uplink, stop, fold)
        source.close()
    except Exception as error:
        fold.flush()
        uplink.flush(None)
        foreseen = isinstance(error, FalcohostError)
        trace = "" if foreseen else traceback.format_exc()
        text = str(error) if foreseen else f"{type(error).__name__}: {error}"
        _close(source)
        uplink.send(wire.Failed(text, trace))
        return 1
    uplink.send(wire.Ended(stop.asked))
    return 0


def _close(source: Source | None) -> None:
    try:
        if source is not None:
            source.close()
    except Exception as error:
        log.log.warning("closing the source failed too: %s", error)


def _pump(task: Task, source: Source, uplink: _Uplink, stop: _Stop, fold: Fold) -> None:
    """Match every event. This is the hot path of falcohost: nothing of ours is made per event that matches nothing."""
    match, match_views = task.rules.match, task.rules.match_views
    make, add, tally = task.make, uplink.add, _Tally()
    collector = _Collector()
    due = 0.0
    stopping: tuple[float, int] | None = None  # since when, by both clocks; a later batch has what happened before
    event: Event | None = None
    for batch in source.batches():
        uplink.rewinds = batch.cursor is not None
        take = fold.take if task.fold.enabled and not uplink.rewinds else lambda rule, event: add(make(rule, event))
        views = batch.views
        for event in batch.events:
            try:
                if views and (others := getattr(event, "alternatives", ())):
                    if found := match_views((event, *others)):
                        tally.matches(event, [rule for rule, _ in found])
                        for rule, view in found:
                            take(rule, view)
                elif rules := match(event):
                    tally.matches(event, rules)
                    for rule in rules:
                        take(rule, event)
            except Exception as error:
                tally.fails(event, error)
        if uplink.rewinds:
            fold.flush()  # no cursor passes what is only counted
        uplink.flush(batch.cursor)
        for message in uplink.received():
            if isinstance(message, wire.Ack):
                source.ack(message.cursor)
            elif isinstance(message, wire.Measure):
                _measure(source, tally, message.on)
                due = 0.0
            else:
                fold.flush()
                if (new := _go_over(task, source, uplink, message)) is not None:
                    match, match_views = new.match, new.match_views
        if time.monotonic() >= due:
            fold.tick()
            _report(source, uplink, tally, fold)
            collector.collect()
            due = time.monotonic() + 1.0
        if stopping is not None:
            linger = LINGER_REWINDING if uplink.rewinds else LINGER
            later = event is not None and event.ts > stopping[1]
            if later or not batch.events or time.monotonic() > stopping[0] + linger:
                break
        elif stop.asked:
            stopping = time.monotonic(), time.time_ns()
    fold.flush()
    uplink.flush(None)
    _report(source, uplink, tally, fold)


def _go_over(task: Task, source: Source, uplink: _Uplink, message: wire.NewRules) -> Rules | None:
    """Have the source collect for the new rules; return them if events are matched by them from now on."""
    try:
        rules = task.decode(message)
        source.update(rules.plan)
    except Exception as error:
        uplink.send(wire.RulesTaken(message.number, f"{type(error).__name__}: {error}"))
        return None
    uplink.send(wire.RulesTaken(message.number))
    return rules


def _measure(source: Source, tally: _Tally, on: bool) -> None:
    tally.measuring = on
    if isinstance(source, MeasuredSource):
        source.measure(on)


def _report(source: Source, uplink: _Uplink, tally: _Tally, fold: Fold) -> None:
    numbers = counted(
        source.stats(),
        matched=tally.matched,
        hit=tally.hit,
        rules=tally.rules,
        folded=fold.folded,
        failed=tally.failed,
    )
    uplink.send(wire.Report(numbers, time.monotonic(), tally.measuring))


class _Collector:
    """Garbage collection by the clock: events make no cycles, so doing it by count would only cost.

    What is there now is left alone for good, which also keeps its pages shared with the supervisor.
    """

    FULL = 60

    def __init__(self) -> None:
        gc.disable()
        gc.freeze()
        self._calls = 0

    def collect(self) -> None:
        """Collect the young; once a minute everything."""
        self._calls += 1
        gc.collect(1 if self._calls % self.FULL else 2)
