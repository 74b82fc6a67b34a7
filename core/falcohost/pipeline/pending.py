"""The stage in which candidates wait for the rows of lookups.

An event waits here as candidates, one per rule that it may match (:mod:`falcohost.pipeline.frozen`), for a bounded
time. Later events of the same actor wait after it, so that alerts keep their order, and so do cursors and answers about
new rules. Events of other actors do not wait.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from falcohost.clock import Clock
from falcohost.engine.ruleset import Rule
from falcohost.events import Event, actor_of
from falcohost.pipeline.frozen import PossibleMatch
from falcohost.pipeline.lookups import LoadedLookup
from falcohost.pipeline.rules import Rules

#: Most events that wait. When another one comes, the oldest is decided with the values known so far.
MOST_WAITING = 4096

#: Seconds between two polls of the lookups when there is nothing else to do.
PAUSE = 0.01

#: Passes a match on to the next stage.
Take: TypeAlias = Callable[[Rule, Event], None]

#: Called when an event matches rules, each with its view; passes each match on.
Tell: TypeAlias = Callable[[Event, Sequence[tuple[Rule, Event]], Take], None]


@dataclass(slots=True, eq=False)
class _Waiting:
    """An event that waits until *until*. *first*: report only the first of its rules that matches."""

    number: int
    actor: Hashable
    candidates: Sequence[PossibleMatch]
    first: bool
    take: Take
    until: float

    def decided(self) -> list[tuple[Rule, Event]] | None:
        """Return the rules that match, each with its event; None while that is not known yet."""
        matches: dict[str, tuple[Rule, Event]] = {}
        for candidate in self.candidates:
            if candidate.rule.name in matches:
                continue  # another view matches
            answer = candidate.decided()
            if answer is None:
                return None
            if answer:
                matches[candidate.rule.name] = candidate.rule, candidate.event
                if self.first:
                    break
        return list(matches.values())

    def give_up(self) -> None:
        """Treat values that have not arrived by now as absent."""
        for candidate in self.candidates:
            candidate.event.ask()
            candidate.event.give_up()


class Pending:
    """Holds candidates until they are decided, and then calls *tell* with those that match.

    :param wait: most seconds that a candidate waits.
    :param fails: called with an event for which a rule could not be evaluated.
    :ivar crowded: number of events that were decided early because too many waited.
    """

    def __init__(self, wait: float, tell: Tell, fails: Callable[[Event, Exception], None], clock: Clock) -> None:
        self.crowded = 0
        self._wait = wait
        self._tell = tell
        self._fails = fails
        self._clock = clock
        self._numbers = itertools.count(1)
        self._last = 0
        self._waiting: dict[int, _Waiting] = {}  # in order of arrival, and so of *until*
        self._actors: Counter[Hashable] = Counter()
        self._behind: deque[tuple[int, Callable[[], None]]] = deque()
        self._lookups: dict[str, LoadedLookup] = {}

    def __len__(self) -> int:
        """Return the number of waiting events."""
        return len(self._waiting)

    @property
    def lookups(self) -> Sequence[LoadedLookup]:
        """Return the open lookups."""
        return tuple(self._lookups.values())

    def watch(self, lookups: Sequence[LoadedLookup]) -> None:
        """Poll *lookups* from now on."""
        self._lookups |= {lookup.name: lookup for lookup in lookups}

    def take(self, rules: Rules, event: Event, found: Sequence[tuple[Rule, Event]], take: Take) -> None:
        """Pass on the matches *found* of *event* at once, or make them wait."""
        actor = actor_of(event)
        follows = actor is not None and actor in self._actors
        if not follows and not any(rules.reads_lookup(rule) for rule, _ in found):
            self._tell(event, found, take)
            return
        candidates = [rules.freezer(rule).freeze(view) for rule, view in found]
        until = self._clock.monotonic() + self._wait
        one = _Waiting(next(self._numbers), actor, candidates, rules.first, take, until)
        if follows or not self._settled(one):
            self._last = one.number
            self._waiting[one.number] = one
            self._actors[actor] += 1
            self._make_room()

    def then(self, action: Callable[[], None]) -> None:
        """Run *action* once everything that waits now is decided."""
        if self._waiting:
            self._behind.append((self._last, action))
        else:
            action()

    def poll(self) -> None:
        """Decide candidates whose rows have arrived, or that have waited long enough."""
        came = [lookup.poll() for lookup in self._lookups.values()]
        if self._waiting and (any(came) or self._clock.monotonic() >= next(iter(self._waiting.values())).until):
            self._settle()

    def finish(self, by: float | None) -> None:
        """Wait until everything is decided; at the time *by*, decide the rest with the values known so far."""
        condition = threading.Condition()
        while self._waiting:
            self.poll()
            if by is not None and self._clock.monotonic() >= by:
                for one in self._waiting.values():
                    one.give_up()
                self._settle()
            elif self._waiting:
                with condition:
                    self._clock.wait_for(condition, lambda: False, PAUSE)

    def close(self) -> None:
        """Close the lookups."""
        for lookup in self._lookups.values():
            lookup.close()

    def _settle(self) -> None:
        now, blocked = self._clock.monotonic(), set[Hashable]()
        for one in list(self._waiting.values()):
            if one.actor in blocked:
                continue
            if one.until <= now:
                one.give_up()
            if self._settled(one):
                self._forget(one)
            elif one.actor is not None:
                blocked.add(one.actor)
        while self._behind and self._behind[0][0] < next(iter(self._waiting), self._last + 1):
            self._behind.popleft()[1]()

    def _settled(self, one: _Waiting) -> bool:
        """Decide *one* and pass on its matches; return False if it is not known yet."""
        event = one.candidates[0].event
        try:
            matches = one.decided()
            if matches:
                self._tell(event, matches, one.take)
        except Exception as error:
            self._fails(event, error)
            return True
        return matches is not None

    def _make_room(self) -> None:
        if len(self._waiting) > MOST_WAITING:
            self.crowded += 1
            next(iter(self._waiting.values())).until = 0.0
            self._settle()

    def _forget(self, one: _Waiting) -> None:
        del self._waiting[one.number]
        self._actors[one.actor] -= 1
        if not self._actors[one.actor]:
            del self._actors[one.actor]
