"""Where calls are seen: at the tracepoint that all of them pass, or each at the kernel's function for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import (
    NOT_TRACED,
    CallFunctions,
    NotPossibleError,
    are_traced,
)
from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.drivers.modern_ebpf.attach.functions import Functions
from falcohost_syscall.drivers.modern_ebpf.attach.handover import Handover
from falcohost_syscall.drivers.modern_ebpf.attach.twice import Twice
from falcohost_syscall.kernel.libbpf import Library, Object
from falcohost_syscall.kernel.program_info import misses
from falcohost_syscall.records.record import COMPAT_BASE, WANT_BY_FUNCTION, WANT_LATELY, CallSpec

_TRACEPOINT: Final = "sys_exit"
#: Seconds until threads that wait are looked for again: at first, and at most, since threads may wait for ever.
_PAUSE, _LONGEST_PAUSE = 0.4, 8.0


class Attachment:
    """The probe's programs for calls, attached; none is before :meth:`start`.

    :ivar why_not: why calls cannot be seen by functions, although that was wanted.
    """

    def __init__(self, library: Library, probe: Object, why_not: str = "") -> None:
        self.why_not = why_not
        self._library, self._probe = library, probe
        self._functions: Functions | None = None
        self._twice: Twice | None = None
        self._handover = Handover(probe)
        self._by_tracepoint = False
        self._needs_tracepoint, self._is_rest = True, False
        self._seen: AbstractSet[int] = frozenset()
        self._pause, self._next_look = _PAUSE, 0.0

    def use_functions(self, found: CallFunctions) -> None:
        """Have calls seen by functions from :meth:`start` on, if the kernel allows it; the probe is loaded."""
        try:
            self._functions = Functions(self._library, self._probe, found)
            self._needs_tracepoint = False
        except NotPossibleError as error:
            self.why_not = str(error)

    def use_two(self) -> None:
        """Have two programs at the tracepoint from :meth:`start` on, since one may be left out; the probe is loaded."""
        self._twice = Twice(self._library, self._probe)

    @property
    def where(self) -> str:
        """Return where calls are seen: ``tracepoint``, ``function``, or ``both``, each call at one of them."""
        if self._functions is None:
            return "tracepoint"
        return "both" if self._by_tracepoint else "function"

    @property
    def waiting(self) -> frozenset[int]:
        """Return the threads in calls that began before their functions were attached, so that the tracepoint stays."""
        return self._handover.waiting

    @property
    def told(self) -> str:
        """Return where calls are seen, and why, in words."""
        if self._functions is None:
            reason = f", not at the kernel's functions: {self.why_not}" if self.why_not else ""
            return f"calls are seen at the tracepoint of all calls{reason}"
        told = "calls are seen at the kernel's functions"
        if self.waiting:
            waiting = "a thread waits" if len(self.waiting) == 1 else f"{len(self.waiting)} threads wait"
            return f"{told}, and at the tracepoint of all calls as long as {waiting} in one that began before"
        if self._by_tracepoint:
            return f"{told}, and those that these do not show at the tracepoint of all calls"
        return told

    @property
    def stages(self) -> Sequence[Stages]:
        """Return the copies of stages that calls go through beside the probe's own."""
        copied = self._functions or self._twice
        return () if copied is None else copied.stages

    def start(self) -> None:
        """Attach what is needed whatever calls are wanted."""
        self._trace()

    def prepare(self, numbers: AbstractSet[int]) -> None:
        """Have the copies of stages that these calls take."""
        if self._functions is not None:
            self._functions.prepare(numbers)

    def measure(self, on: bool) -> None:
        """Take the time of calls that are left out, or no longer."""
        if self._functions is not None:
            self._functions.measure(on)
        elif self._twice is not None:
            self._twice.measure(on)

    def enter(self, calls: Mapping[int, CallSpec], traced: AbstractSet[int]) -> Mapping[int, CallSpec]:
        """Have each of these *calls* seen somewhere as well, and return them with where that is.

        Of *traced* calls functions do not see all that is wanted. Where one comes to be seen elsewhere than before,
        what is under way is told by the tracepoint unless a function's program has seen it.
        """
        if self._functions is None:
            return calls
        seen = self._functions.seen(calls.keys() - traced)
        new = seen - self._seen
        if new or self._seen & calls.keys() - seen:
            self._hand_over()
        lately = {number for number in new if number < COMPAT_BASE or not self._seen}
        self._seen = self._functions.enter(seen)
        self._is_rest = bool(calls.keys() - self._seen)
        self._needs_tracepoint |= self._is_rest
        self._trace()
        return {number: spec._replace(want=spec.want | self._where(number, lately)) for number, spec in calls.items()}

    def _where(self, number: int, lately: AbstractSet[int]) -> int:
        if number not in self._seen:
            return 0
        return WANT_BY_FUNCTION | WANT_LATELY if number in lately else WANT_BY_FUNCTION

    def leave(self) -> None:
        """Have no other calls seen than :meth:`enter` was given last."""
        if self._functions is None:
            self._handover.end()
            return
        self._functions.leave(self._seen)
        self._needs_tracepoint = self._is_rest
        self._pause = _PAUSE
        self._look_for_waiting()

    def _look_for_waiting(self) -> None:
        self._handover.look()
        self._next_look = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._trace()

    def still_sees(self) -> bool:
        """Tell whether calls are seen where :meth:`enter` said; else it has to be called anew, for all calls."""
        if self._functions is None:
            return True
        if are_traced():
            if self._handover.goes_on and time.monotonic() >= self._next_look:
                self._look_for_waiting()
            return True
        self.why_not = NOT_TRACED
        self._hand_over()
        self.close()
        return False

    def missed(self) -> int:
        """Return how many calls were perhaps not seen where they should have been."""
        if self._twice is not None:
            return self._twice.missed()
        by_functions = 0 if self._functions is None else self._functions.missed()
        return by_functions + misses(self._library, self._probe.program_fd(_TRACEPOINT))

    def close(self) -> None:
        """Detach from functions, and unload what is there."""
        for copied in (self._functions, self._twice):
            if copied is not None:
                copied.close()
        self._functions = self._twice = None

    def _hand_over(self) -> None:
        """Let the tracepoint tell what functions do not show, now and until :meth:`leave` at least."""
        self._needs_tracepoint = True
        self._trace()
        self._handover.begin()

    def _trace(self) -> None:
        on = self._needs_tracepoint or self._handover.goes_on
        if on == self._by_tracepoint:
            return
        if self._twice is not None:
            self._twice.attach()  # for good: with two programs there are no functions
        else:
            (self._probe.attach if on else self._probe.detach)(_TRACEPOINT)
        self._by_tracepoint = on
