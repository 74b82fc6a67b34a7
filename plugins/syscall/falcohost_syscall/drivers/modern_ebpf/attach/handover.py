"""Decides whether functions or the tracepoint report a call while functions are being attached and threads wait."""

from __future__ import annotations

import struct
import time
from typing import Final

from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.records import record

#: The iterator that lists waiting threads.
ITERATOR: Final = "waiting_thread"
_FIRST: Final = bytes(4)
_U32: Final = struct.Struct("=I")
#: As in bpf/handover.bpf.h.
_CLAIMS, _ALL, _SOME, _BITS = 1, 2, 3, 2
#: Seconds that a thread needs at most from a function's program to the tracepoint.
_MOMENT: Final = 0.002


class Handover:
    """Keeps the tracepoint beside functions for calls that no program at a function has seen (``bpf/handover.bpf.h``).

    :ivar waiting: the threads in calls whose end only the tracepoint sees.
    """

    def __init__(self, probe: Object) -> None:
        self.waiting: frozenset[int] = frozenset()
        self._probe = probe
        self._number, self._state = 1, 0

    @property
    def goes_on(self) -> bool:
        """Whether the tracepoint is needed."""
        return self._state != 0

    def begin(self) -> None:
        """Let the tracepoint, which is attached, report all calls in use that functions do not show."""
        self._number += 1
        self._set(_CLAIMS)
        time.sleep(_MOMENT)
        self._set(_ALL)

    def look(self) -> None:
        """Find threads that wait in marked calls (``WANT_LATELY``) or still wait; without any the handover ends."""
        if not self._state:
            return
        if self._state == _ALL:
            self._probe.update(self._probe.map_fd(".data.may_wait"), _FIRST, bytes(record.WAITING_HINTS))
        threads = b"".join(self._probe.iterate(self._probe.iterator(ITERATOR)))
        found = frozenset(thread for (thread,) in _U32.iter_unpack(threads))
        self.waiting = found
        if not found:
            self._set(0)
        elif 0 not in found:
            self._set(_SOME)

    def end(self) -> None:
        """Let the tracepoint report only its own calls again."""
        self.waiting = frozenset()
        self._set(0)

    def _set(self, state: int) -> None:
        if state != self._state:
            value = self._number << _BITS | state if state else 0
            self._probe.ledger.set(self._probe.map_fd(".data.handover"), ".data.handover", _FIRST, _U32.pack(value))
            self._state = state
