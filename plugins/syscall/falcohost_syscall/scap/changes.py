"""Applies the events of a capture to its tables: processes start, execute and end, descriptors come and go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from falcohost_syscall.scap import file_changes, process_changes, socket_changes
from falcohost_syscall.scap.captured_rows import NO_CALLS
from falcohost_syscall.scap.descriptors import Descriptor
from falcohost_syscall.scap.event_types import MOST, TYPES
from falcohost_syscall.scap.events import Calls, CapturedCall
from falcohost_syscall.scap.tables import Tables, Thread, unknown

#: A change: the state, the thread, its call, and what that returned.
Change = Callable[["State", Thread, CapturedCall, int], None]

#: The type of an execveat's return.
EXECVEAT: Final = 331

#: All changes by the name of the event type.
_CHANGES: Final[Mapping[str, Change]] = {
    **file_changes.CHANGES,
    **socket_changes.CHANGES,
    **process_changes.CHANGES,
}
#: The names of processes' memory, which only matter where a rule asks for it.
MEMORY: Final = frozenset(process_changes.MEMORY)
#: The changes by the number of the event type.
CHANGES: Final[Mapping[int, Change]] = {
    code: _CHANGES[kind.name] for code, kind in TYPES.items() if kind.name in _CHANGES
}
_FORK: Final = _CHANGES["fork"]
_BY_CODE: Final = tuple(CHANGES.get(code) for code in range(MOST))


class State:
    """Keeps *tables* up to date. What an event removes stays until the next event.

    :ivar calls: where the starts of calls are remembered.
    :ivar later: what the last event removes.
    :ivar closing: the descriptors of which the last event has closed one, and *closing_fd*: its number.
    :ivar ended: when the threads ended that did so last, by the thread that made them and their own number.
    :ivar dead: the main threads that have ended, while others of their process run.
    """

    def __init__(self, tables: Tables, calls: Calls) -> None:
        self.tables = tables
        self.calls = calls
        self.later: Callable[[], object] | None = None
        self.closing: dict[int, Descriptor] | None = None
        self.closing_fd = 0
        self.ended: dict[tuple[int, int], int] = {}
        self.dead: set[int] = set()

    def started(self, call: CapturedCall) -> Mapping[str, bytes]:
        """Return the parameters of the start of a call by name; none if it is not known."""
        return self.calls.started(call.tid, call.type.code)

    def begun_execveat(self, call: CapturedCall) -> Mapping[str, bytes]:
        """Return the parameters of the start of an execveat that ended as execve, as successful ones do."""
        return self.calls.started(call.tid, EXECVEAT)

    def began_with(self, call: CapturedCall, part: bytes) -> bool:
        """Return whether the start of a call is not known, or has *part* among its parameters."""
        return self.calls.began_with(call.tid, call.type.code, part)

    def apply(self, call: CapturedCall) -> Thread:
        """Apply the change that *call* made to the tables; return its thread after that."""
        change = _BY_CODE[call.type.code]
        if call.name in NO_CALLS:
            thread = self.tables.threads.get(call.tid) or unknown(call.tid)
        else:
            thread = self.begin(call.tid, is_new=change is _FORK and call.result == 0)
        if change is None:
            return thread
        change(self, thread, call, call.result)
        return self.tables.threads.get(call.tid) or thread

    def begin(self, tid: int, *, is_new: bool = False) -> Thread:
        """Remove what the last event has removed; return the thread of the next one, which has just begun if *is_new*.

        What a new thread is by now, if that can be found out, is not what it is as of its first event.
        """
        if self.closing is not None:
            self.closing.pop(self.closing_fd, None)
            self.closing = None
        if self.later is not None:
            self.later()
            self.later = None
        if is_new:
            return self.tables.new_thread(tid)
        return self.tables.threads.get(tid) or self.tables.thread(tid)
