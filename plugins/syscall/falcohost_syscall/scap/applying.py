"""Applies events to the tables one after the other, and returns those that rules ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from falcohost import Plan
from falcohost_syscall.scap.captured_rows import NO_CALLS
from falcohost_syscall.scap.changes import State
from falcohost_syscall.scap.event import CapturedEvent
from falcohost_syscall.scap.events import Calls, CapturedCall, plain_values
from falcohost_syscall.scap.tables import Tables, Thread
from falcohost_syscall.scap.uses import Use, row_of, uses

_NEVER: Final = (1 << 64) - 1
_ASYNC: Final = "asyncevent"


class Applying:
    """The state of one machine, event by event.

    :param make_tables: makes the tables of a machine; *event*: the class of the events.
    :ivar tables: the state of the machine so far; *calls*: the calls that have begun.
    :ivar uses: what becomes of the events of each type.
    :ivar number: the number of the last event (``evt.num``); *passed*: how many were returned.
    :ivar is_initial: events only tell of the state in which a capture begins, and none is returned.
    :ivar begin_at: events before this time are applied, but not returned; those after *end_at* set *ended*.
    """

    def __init__(self, make_tables: Callable[[], Tables] = Tables, event: type[CapturedEvent] = CapturedEvent) -> None:
        self._make_tables = make_tables
        self._make_event = event
        self.uses: list[Use] = uses(None)
        self.number = self.passed = 0
        self.begin_at, self.end_at = 0, _NEVER
        self.ended = self.is_initial = False
        self.begin()

    def begin(self) -> None:
        """Forget all of a machine."""
        self.tables = self._make_tables()
        self.calls = Calls()
        self._state = State(self.tables, self.calls)

    def update(self, plan: Plan) -> None:
        """Return what *plan* asks for from now on."""
        self.uses = uses(plan)

    def read(
        self, use: Use, data: bytes, where: tuple[int, int, int], code: int, ts: int, tid: int, cpu: int
    ) -> CapturedEvent | None:
        """Apply an event to the tables, and return it if it is asked for.

        :param where: where its parameters begin and end in *data*, and their number.
        :raises TooShortError: it is shorter than it says.
        """
        at, end, count = where
        kind = use.type
        if kind is None:
            return self._odd(code, data[at:end], count, ts, tid, cpu)
        if use.quick is not None and (thread := use.quick(self._state, tid, data, where)) is not None:
            if not use.is_wanted:
                return None
            return self._event(CapturedCall(kind, ts, tid, cpu, None, data[at:end]), thread, len(kind.params))
        values = plain_values(data, at, count, end)
        if values is None or len(values) < len(kind.params):
            return self._odd(code, data[at:end], count, ts, tid, cpu)
        return self.apply(CapturedCall(kind, ts, tid, cpu, values))

    def _odd(self, code: int, data: bytes, count: int, ts: int, tid: int, cpu: int) -> CapturedEvent | None:
        """Apply an event that is old, or not as long as usual; return it if it is asked for."""
        call = self.calls.make(code, data, count, ts, tid, cpu)
        return None if call is None else self.apply(call)

    def apply(self, call: CapturedCall) -> CapturedEvent | None:
        """Return the event of a call after what it changed, if it is asked for."""
        thread = self._state.apply(call)
        use = self.uses[call.type.code]
        if call.name == _ASYNC and call.number("plugin_id"):  # of a plugin with a source of its own
            return None
        if self.is_initial or call.state_only or not (use.is_wanted if use.named is None else call.name in use.named):
            return None
        return self._event(call, thread, -1 if call.is_generic else len(call.values))

    def _event(self, call: CapturedCall, thread: Thread, count: int) -> CapturedEvent | None:
        context = self.tables.context
        if context.first is None and call.name not in NO_CALLS:
            context.first = call.ts
        if not self.begin_at <= call.ts <= self.end_at:
            self.ended = self.ended or call.ts > self.end_at
            return None
        self.passed += 1
        return self._make_event(row_of(call.name, count), call, thread, self.number, self.tables)
