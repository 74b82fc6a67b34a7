"""Lookups: facts that a plugin adds to the events of a source, found by a key in the event (provisional).

A :class:`Lookup` is asked for a row when a condition or an output reads one of its fields. It answers at once: the row,
None if there is none, or :data:`PENDING` if it does not know yet. A match that depends on a pending row waits for it
for a bounded time, with copies of all values that it reads; the event itself does not wait.

A lookup reaches the outside through a port (:mod:`falcohost.port`). :class:`AskedLookup` is a lookup over a port that
keeps the rows it has received.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from falcohost.clock import SYSTEM, Clock
from falcohost.fields import Arg, Field
from falcohost.helpers import HelperSpec
from falcohost.port import Port

_Q = TypeVar("_Q")
_A = TypeVar("_A")


__all__ = [
    "GIVEN_UP",
    "PENDING",
    "AskedLookup",
    "Beside",
    "BoundedLookup",
    "CountingLookup",
    "FailingLookup",
    "Key",
    "Lookup",
    "LookupSpec",
    "NotYet",
    "WakingLookup",
]


class NotYet(enum.Enum):
    """The type of :data:`PENDING` and :data:`GIVEN_UP`."""

    PENDING = "pending"
    GIVEN_UP = "given up"


#: A lookup's answer while it does not know the row yet.
PENDING: Final = NotYet.PENDING

#: A lookup's answer where it does not know the row, and will not soon: nothing waits. The value counts as absent, and
#: the alert says that it is missing.
GIVEN_UP: Final = NotYet.GIVEN_UP

#: Seconds after which an unanswered question is asked again.
ASK_AGAIN = 10.0

#: The values of a row's key, in order; none is absent.
Key: TypeAlias = tuple[Hashable, ...]


@runtime_checkable
class Lookup(Protocol):
    """Finds rows. It lives in the process of the source and must never wait.

    Its calls come one after the other, but not always in the same thread.
    """

    def find(self, key: Key) -> Any:
        """Return the row for *key*, None if there is none, PENDING, or GIVEN_UP.

        Called for each event from which a field of the lookup is read, so it must be fast. A row must not change.
        """

    def poll(self) -> bool:
        """Receive answers from the outside; return whether a pending row may be known now.

        Called between batches, at least once a second.
        """

    def close(self) -> None:
        """Release everything. Called once."""


@runtime_checkable
class WakingLookup(Lookup, Protocol):
    """A lookup that can say when an answer has come, so that pending events need not wait for the next batch."""

    def fileno(self) -> int | None:
        """Return a descriptor that is readable when :meth:`poll` has something to receive; None: there is none now.

        A socket, a pipe or an eventfd. It is watched edge-triggered (``EPOLLET``): only new data wakes the pipeline.
        """


@dataclass(frozen=True, slots=True)
class Beside:
    """A getter that compares a row with the event: it also gets values of the event, in the order of *fields*.

    :ivar get: receives the row, the argument of the field that it is the getter of, and the values; None: absent.
    :ivar fields: fields of the source, as written in rules. They are read when the event comes, like the key.
    """

    get: Callable[..., Any]
    fields: tuple[str, ...]

    def __call__(self, row: Any, arg: Arg, *values: Any) -> Any:
        """Return the value of the field; values that are not given are absent."""
        return self.get(row, arg, *values, *(None for _ in self.fields[len(values) :]))


@runtime_checkable
class FailingLookup(Lookup, Protocol):
    """A lookup that can say that it does not reach what it asks, though it still has the rows that it knew."""

    def problem(self) -> tuple[str, int]:
        """Return what it does not reach, and for how many seconds; an empty text: nothing.

        Called once a second. If it lasts, an alert tells it.
        """


@runtime_checkable
class BoundedLookup(Lookup, Protocol):
    """A lookup that keeps a limited number of rows, and counts those that had to make room."""

    @property
    def dropped(self) -> int:
        """Return how many rows had to make room for others."""


@runtime_checkable
class CountingLookup(Lookup, Protocol):
    """A lookup with numbers of its own."""

    def counts(self) -> Mapping[str, int]:
        """Return its numbers by what they count, as ``falcohost stats`` shows them. Called once a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupSpec:
    """A lookup that a plugin offers.

    :ivar name: its name in messages and numbers.
    :ivar description: one sentence about what it knows.
    :ivar key: for each event source, the fields whose values are the key, as written in rules:
        ``{"syscall": ("container.id",)}``. If one of them is absent, there is no row. Empty with *by_argument*.
    :ivar make: called with the plugin's own configuration; returns the lookup. It runs in the process of a source with
        a rule that reads one of the fields, before the source gives up its privileges.
    :ivar fields: the fields that it adds. Each getter receives the row instead of the event; it may return GIVEN_UP for
        a value that this row does not have.
    :ivar by_argument: the argument of each field names the field whose value is looked up, in any source:
        ``asset.owner[fd.sip]``. The key is the name of the lookup's field, and that value.
    :ivar fills: getters for fields that the source itself has, by name; each receives the row, and a :class:`Beside`
        also values of the event. The lookup is asked only where the source does not know the value.
    :ivar of_now: it knows what is so at this moment, so its helper is not started where system calls of a capture are
        replayed: what that tells is all that is known.
    :ivar check: called by ``falcohost doctor`` with the plugin's own configuration; yields pairs of what was checked,
        and None or a sentence that says what is wrong and how to fix it. Nothing that it finds stops a start.
    :ivar further: processes that do more for it, which work like *helper*. Each has a name of its own.
    :ivar helper: a process that asks outside for the lookup, so that the source's needs no rights for that. It is
        started only with an enabled rule that reads one of the fields. ``settings["helpers"]`` then has a
        :class:`~falcohost.helpers.Helper` by the helper's name; where there is no worker, as in ``falcohost rules
        test``, it is empty. The lookup uses nothing but the socket. If the helper ends, the worker is replaced.
    :ivar modules: modules that its processes need. Where a rule reads one of the fields, they are imported once, before
        the processes are forked, and must do nothing but define names.
    """

    name: str
    description: str
    key: Mapping[str, Sequence[str]]
    make: Callable[[Mapping[str, Any]], Lookup]
    fields: Sequence[Field] = ()
    by_argument: bool = False
    of_now: bool = False
    fills: Mapping[str, Callable[[Any, Arg], Any]] = field(default_factory=dict)
    helper: HelperSpec | None = None
    further: Sequence[HelperSpec] = ()
    check: Callable[[Mapping[str, Any]], Iterable[tuple[str, str | None]]] | None = None
    modules: tuple[str, ...] = ()

    @property
    def helpers(self) -> tuple[HelperSpec, ...]:
        """Return all its processes."""
        return (*(() if self.helper is None else (self.helper,)), *self.further)

    def is_for(self, source: str) -> bool:
        """Return whether it adds fields to *source*, or fills some."""
        return self.by_argument or source in self.key


class AskedLookup(Generic[_Q, _A]):
    """A lookup that asks a *port* for rows and keeps them.

    :param question: returns the question for a key.
    :param learn: returns the key that an answer is about, and its row (None: there is none).
    :param most: maximum number of rows kept; the least recently used row is dropped first.
    :param seconds: age at which a row is asked for again.
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
        self.dropped = 0

    def find(self, key: Key) -> Any:
        """Return the known row, even while it is being refreshed; if there is none, ask and return PENDING."""
        known = self._rows.get(key)
        if known is None:
            self._ask(key)
            return PENDING
        self._rows.move_to_end(key)
        if known[0] < self._clock.monotonic():
            self._ask(key)
        return known[1]

    def poll(self) -> bool:
        """Keep the rows that have arrived; return whether any has."""
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
                self.dropped += 1
        return bool(answers)

    def fileno(self) -> int | None:
        """Return the descriptor of the port, if it has one."""
        return self._port.fileno()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _ask(self, key: Key) -> None:
        now = self._clock.monotonic()
        if now >= self._asked.get(key, now) and self._port.ask(self._question(key)):
            self._asked[key] = now + ASK_AGAIN
