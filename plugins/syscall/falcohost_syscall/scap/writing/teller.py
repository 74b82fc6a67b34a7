"""Keeps the tables that a reader of the capture will have, and writes what brings them to what the kernel said.

An event of a capture has no context: a reader rebuilds processes and descriptors from the events before it. What a
filter leaves out would be missing there, so before an event come others that only serve the tables (Falco's flag
"state only").
"""

from __future__ import annotations

from typing import Final

from falcohost_syscall.scap.changes import State
from falcohost_syscall.scap.event_types import EventType
from falcohost_syscall.scap.events import Calls, CapturedCall
from falcohost_syscall.scap.tables import Tables
from falcohost_syscall.scap.writing import frames
from falcohost_syscall.scap.writing.values import BY_NAME, text

Value = int | str | bytes
_SIZES: Final = {f"{sign}{8 * size}": size for sign in "iu" for size in (1, 2, 4, 8)}


class Teller:
    """Writes events, and applies each to the reader's *tables*.

    :ivar parts: what has been written since it was taken.
    :ivar told: the number of events that only serve the tables.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.state = State(tables, Calls())
        self.parts: list[bytes] = []
        self.told = 0
        self.ts = self.cpu = 0

    def take(self) -> bytes:
        """Return what has been written since the last time."""
        found = b"".join(self.parts)
        self.parts.clear()
        return found

    def write(self, kind: EventType, tid: int, values: list[bytes], *, state_only: bool = False) -> None:
        """Write an event at the time :attr:`ts`."""
        self.parts.append(frames.event(kind.code, self.ts, tid, self.cpu, values, state_only=state_only))
        self.state.apply(CapturedCall(kind, self.ts, tid, self.cpu, values))

    def tell(self, name: str, thread: int, /, **values: Value) -> None:
        """Write an event that only serves the tables; parameters that are not given have no value."""
        kind = BY_NAME[name]
        self.told += 1
        self.write(kind, thread, [_encoded(form, values.get(param)) for param, form in kind.params], state_only=True)
        self.state.begin(thread)  # what it ends is gone at once


def _encoded(form: str, value: Value | None) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return text(value)
    size = _SIZES[form]
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little")
