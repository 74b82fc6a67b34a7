"""Measures on request how long the worker takes for events, by type: to read them, and to match them.

Reading is what the source does until it has the event: decoding its record, and keeping its own tables. Matching is the
rest: the rules with the fields that they read, which may be decoded only now, and what follows a match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter_ns
from typing import Final

from msgspec import Struct

from falcohost.events import Event

#: Types of events that are told apart: in some sources whoever causes events chooses them.
MOST_TYPES: Final = 4096


class Spent(Struct):
    """What events of one type took.

    :ivar events: how many were measured.
    :ivar read_ns: nanoseconds for reading them.
    :ivar match_ns: nanoseconds for matching them.
    """

    events: int = 0
    read_ns: int = 0
    match_ns: int = 0


class Spending:
    """The sums by event type.

    :ivar on: events are measured.
    """

    def __init__(self) -> None:
        self.on = False
        self.types: dict[str, Spent] = {}

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield *events*; whoever iterates has matched one when it asks for the next one."""
        begin = perf_counter_ns()
        for event in events:
            read = perf_counter_ns()
            try:
                yield event
            finally:
                matched = perf_counter_ns()
                self._add(event.type, read - begin, matched - read)
            begin = perf_counter_ns()

    def _add(self, kind: str, read_ns: int, match_ns: int) -> None:
        if (spent := self.types.get(kind)) is None:
            if len(self.types) >= MOST_TYPES:
                return
            spent = self.types[kind] = Spent()
        spent.events += 1
        spent.read_ns += read_ns
        spent.match_ns += match_ns
