"""Lookups: facts that a plugin adds to the events of a source, by a key that is in the event (provisional).

A :class:`Lookup` is asked for a row when a condition or an output reads one of its fields, and answers at once: with
the row, with None where there is none, or with :data:`PENDING` where it does not know yet. A rule that hangs on a
pending row waits for it, for a bounded time, with copies of all that it reads; its event waits nowhere.

What a lookup asks of the outside goes through a port (:mod:`falcohost.port`); :class:`AskedLookup` is a lookup made of
one, with the rows that it has learnt.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from falcohost.clock import SYSTEM, Clock
from falcohost.fields import Arg, Field
from falcohost.port import Port

_Q = TypeVar("_Q")
_A = TypeVar("_A")


__all__ = ["PENDING", "AskedLookup", "Key", "Lookup", "LookupSpec", "NotYet"]


class NotYet(enum.Enum):
    """The type of :data:`PENDING`."""

    PENDING = "pending"


#: What a lookup answers where it does not know yet.
PENDING: Final = NotYet.PENDING

#: Seconds after which a question is asked again whose answer has not come.
ASK_AGAIN = 10.0

#: The values of a row's key, in order; all of them are there.
Key: TypeAlias = tuple[Hashable, ...]


@runtime_checkable
class Lookup(Protocol):
    """Finds rows. It lives in the process of the source and must never wait."""

    def find(self, key: Key) -> Any:
        """Return the row that belongs to *key*, None if there is none, or PENDING.

        Called for each event of which a field of the lookup is read, so it has to be quick. A row must not change.
        """

    def poll(self) -> bool:
        """Take in what has come from the outside; return whether a pending row may be known now.

        Called between batches, at least once a second.
        """

    def close(self) -> None:
        """Release everything. Called once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupSpec:
    """A lookup that a plugin offers.

    :ivar name: names it in messages and numbers.
    :ivar description: says in a sentence what it knows.
    :ivar key: by event source, the fields of that source whose values are the key, as a rule writes them:
        ``{"syscall": ("container.id",)}``. Where one of them is absent there is no row.
    :ivar make: called with the plugin's own configuration in the process of a source with a rule that reads one of the
        fields, before the source gives up its privileges; returns the lookup.
    :ivar fields: the fields that it adds. Each getter is called with the row in place of the event.
    :ivar fills: fields that the sources have themselves, by name, with what returns their value in a row. Where the
        source knows the value the lookup is not asked.
    """

    name: str
    description: str
    key: Mapping[str, Sequence[str]]
    make: Callable[[Mapping[str, Any]], Lookup]
    fields: Sequence[Field] = ()
    fills: Mapping[str, Callable[[Any, Arg], Any]] = field(default_factory=dict)


class AskedLookup(Generic[_Q, _A]):
    """A lookup whose rows come through a *port*; it asks for each key once and keeps the rows.

    :param question: returns the question for a key.
    :param learn: returns the key that an answer is about, and its row (None: there is none).
    :param most: so many rows are kept; beyond them, the one that was not asked for the longest time is forgotten.
    :param seconds: a row is asked for anew when it is so old.
    """

    def __init__(
        self,
        port: Port[_Q, _A],
        question: Callable[[Key], _Q],
        learn: Callable[[_A], tuple[Key, Any]],
        *,
        most: int = 16_384,
        seconds: float = 300.0,
        clock: Clock = SYSTEM,
    ) -> None:
        self._port = port
        self._question = question
        self._learn = learn
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._rows: OrderedDict[Key, tuple[float, Any]] = OrderedDict()
        self._asked: dict[Key, float] = {}

    def find(self, key: Key) -> Any:
        """Return the row that is known, also one that is being asked for anew; else ask, and return PENDING."""
        known = self._rows.get(key)
        if known is None:
            self._ask(key)
            return PENDING
        self._rows.move_to_end(key)
        if known[0] < self._clock.monotonic():
            self._ask(key)
        return known[1]

    def poll(self) -> bool:
        """Keep the rows that have come; return whether there is one."""
        if not self._asked:
            return False
        answers = list(self._port.answers())
        for answer in answers:
            key, row = self._learn(answer)
            self._asked.pop(key, None)
            self._rows[key] = (self._clock.monotonic() + self._seconds, row)
            self._rows.move_to_end(key)
            if len(self._rows) > self._most:
                self._rows.popitem(last=False)
        return bool(answers)

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _ask(self, key: Key) -> None:
        now = self._clock.monotonic()
        if now >= self._asked.get(key, now) and self._port.ask(self._question(key)):
            self._asked[key] = now + ASK_AGAIN
