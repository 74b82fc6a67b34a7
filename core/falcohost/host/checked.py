"""Checks what a worker says to the supervisor: bounds, types, order, and how often.

Like :mod:`falcohost.store.admission`, which checks alerts, it looks at nothing but its arguments and a clock.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sized
from typing import TypeAlias

from falcohost.agent import Job
from falcohost.clock import SYSTEM, Clock
from falcohost.counters import Counter, Shape, counters
from falcohost.host import wire
from falcohost.host.jobs import MOST as MOST_OF_JOB
from falcohost.host.numbers import NOTHING, Numbers
from falcohost.sentinel import MOST_CAUSE, Heard
from falcohost.store.admission import Refused
from falcohost.store.outline import MOST
from falcohost.token_bucket import TokenBucket

#: Most characters of one message for the log or of an error, and of a traceback. The sender cuts longer ones.
MOST_TEXT = wire.MOST_TEXT
MOST_TRACE = wire.MOST_TRACE

#: Most names in one counter, sentences in one report, and characters of either.
MOST_NAMES = 1 << 12
MOST_SENTENCES = 256
MOST_NAME = 4096

#: Messages for the log per second, in the long run and at once. Those beyond are dropped and counted. A long one counts
#: as one more for each of these many characters.
LINES, LINES_AT_ONCE = 100.0, 2000.0
LINE = 1024

#: The same for rules that could not be decided, of which each becomes an alert.
UNDECIDED, UNDECIDED_AT_ONCE = 0.1, 64.0

#: The same for what has become of captures.
CAPTURED, CAPTURED_AT_ONCE = 2.0, 64.0

#: Levels of messages for the log are below this.
_HIGHEST = 100

#: Numbers that may not fall while a worker lives.
_RISING = ("received", "dropped")

#: Messages that a worker sends only while its source is open.
_Open: TypeAlias = wire.Report | wire.Undecided | wire.Captured | wire.RulesTaken


class Limit:
    """Lets *rate* a second pass, *burst* at once, and counts the others in *dropped*."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self.dropped = 0
        self._bucket = TokenBucket(rate, burst, clock)

    def passes(self, weight: int = 1) -> bool:
        """Return whether one more passes; *weight*: it counts as so many."""
        passes = self._bucket.claim(weight)
        self.dropped += not passes
        return passes


class Speech:
    """Checks the messages of all workers of one source, one worker after the other.

    :param rules: the names of the source's rules.
    :ivar lines: messages for the log; *undecided*: messages about rules that could not be decided; *captured*: about
        captures.
    """

    def __init__(self, rules: Collection[str], clock: Clock = SYSTEM) -> None:
        self.lines = Limit(LINES, LINES_AT_ONCE, clock)
        self.undecided = Limit(UNDECIDED, UNDECIDED_AT_ONCE, clock)
        self.captured = Limit(CAPTURED, CAPTURED_AT_ONCE, clock)
        self._rules = rules
        self._outstanding: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """Listen to a new worker."""
        self._ready = self._ended = self._confined = False
        self._last = NOTHING
        self._known = set(self._rules)
        self._outstanding.clear()

    @property
    def awaits_answer(self) -> bool:
        """Return whether the worker has not answered yet to new rules, which may take it long."""
        return bool(self._outstanding)

    def expects(self, reload: int) -> bool:
        """Return whether the worker has begun with the rules before this *reload*, and has not answered to it yet."""
        return reload in self._outstanding

    def expect(self, reload: int, rules: Collection[str]) -> None:
        """Expect the worker's answer to the *rules* of *reload*; both these and former ones may be named."""
        self._outstanding.add(reload)
        self._rules = rules
        self._known.update(rules)

    def check(self, message: wire.Up) -> bool:
        """Return whether *message* is to be heard; False: there were too many of its kind.

        :raises Refused: no intact worker sends it.
        """
        if isinstance(message, wire.LogLine):
            _bound("message for the log", message.text, MOST_TEXT)
            _within("level of a message for the log", message.level, _HIGHEST)
            return self.lines.passes(1 + len(message.text) // LINE)
        if self._ended:
            raise Refused(f"{type(message).__name__} after its last message")
        if isinstance(message, _Open) and not self._ready:
            raise Refused(f"{type(message).__name__} before its source is open")
        if isinstance(message, wire.Undecided):
            self._check_undecided(message)
            return self.undecided.passes()
        if isinstance(message, wire.Captured):
            _each_bound("capture", (message.path, message.why))
            _within("size of a capture", message.size, MOST)
            return self.captured.passes()
        self._check_other(message)
        return True

    def _check_other(self, message: wire.Up) -> None:
        if isinstance(message, wire.Report):
            self._check_report(message)
        elif isinstance(message, wire.RulesTaken):
            self._check_answer(message)
        elif isinstance(message, wire.Secrets):
            _bound("list of files with secrets", message.files, MOST_SENTENCES)
            _each_bound("file with secrets", message.files)
        elif isinstance(message, wire.Confined):
            self._check_job(message.job)
        elif isinstance(message, wire.Tampered) or (isinstance(message, wire.Loaded) and self._ready):
            raise Refused("what only a loader says")
        elif isinstance(message, wire.Ready):
            if self._ready:
                raise Refused("its source is open a second time")
            self._ready = True
        elif isinstance(message, wire.Failed):
            _bound("error", message.error, MOST_TEXT)
            _bound("traceback", message.trace, MOST_TRACE)
            self._ended = True
        elif isinstance(message, wire.Ended):
            self._ended = True

    def _check_job(self, job: Job) -> None:
        if self._confined:
            raise Refused("another job than it had")
        self._confined = True
        for texts in (job.calls, job.reads or (), job.writes or (), job.connects or ()):
            _bound("job", texts, MOST_OF_JOB)
            _each_bound("job", (*texts, job.root))

    def _check_undecided(self, message: wire.Undecided) -> None:
        if message.rule not in self._known:
            raise Refused("a rule was not decided that the source does not have")
        _within("number of events on which a rule was not decided", message.events, MOST)
        _bound("list of fields", message.fields, MOST_SENTENCES)
        _each_bound("field", message.fields)

    def _check_answer(self, message: wire.RulesTaken) -> None:
        if message.number not in self._outstanding:
            raise Refused("an answer to rules that it was not sent")
        _bound("error", message.error, MOST_TEXT)
        self._outstanding.remove(message.number)

    def _check_report(self, message: wire.Report) -> None:
        if not (math.isfinite(message.at) and message.at >= 0):
            raise Refused("a report at no time")
        _bound("fields about drops", message.of_drops, MOST_SENTENCES)
        _each_bound("field about drops", [*message.of_drops, *message.of_drops.values()])
        if message.heard is not None:
            _check_heard(message.heard)
        numbers, last = message.numbers, self._last
        for counter in counters(Numbers):
            if (now := getattr(numbers, counter.name)) != getattr(last, counter.name):  # which was checked
                _check_counter(counter, now)
        if numbers.rules.keys() - self._known:
            raise Refused("matches of a rule that the source does not have")
        dropped = numbers.dropped
        if numbers.received < last.received or any(dropped.get(name, 0) < last.dropped[name] for name in last.dropped):
            raise Refused(f"one of its numbers has fallen: {' or '.join(_RISING)}")
        self._last = numbers


def _check_heard(heard: Heard) -> None:
    _within("number of a sentinel event", heard.arrived, MOST)
    _within("time up to which all was read", heard.complete, MOST)
    _bound("cause of missing sentinel events", heard.cause, MOST_CAUSE)


def _check_counter(counter: Counter, value: object) -> None:
    name = counter.name
    if isinstance(value, Mapping):
        if name != "rules":  # whose names are known
            _bound(name, value, MOST_NAMES)
            _each_bound(name, value)
        for of in value.values():
            if counter.shape is Shape.ROWS:
                for field in of.__struct_fields__:
                    _number(field, getattr(of, field))
            else:
                _number(name, of)
    elif isinstance(value, tuple):
        _bound(name, value, MOST_SENTENCES)
        _each_bound(name, value)
    elif value is not None:
        _number(name, value)


def _number(name: str, value: object) -> None:
    if isinstance(value, float):
        if not (math.isfinite(value) and 0 <= value <= MOST):
            raise Refused(f"{name} is {value}")
    elif isinstance(value, int):
        _within(name, value, MOST)


def _within(name: str, value: int, most: int) -> None:
    if not 0 <= value <= most:
        raise Refused(f"{name} is {value}")


def _bound(name: str, value: Sized, most: int) -> None:
    if len(value) > most:
        raise Refused(f"{name} has the length {len(value)}")


def _each_bound(name: str, texts: Iterable[str]) -> None:
    for text in texts:
        _bound(name, text, MOST_NAME)
