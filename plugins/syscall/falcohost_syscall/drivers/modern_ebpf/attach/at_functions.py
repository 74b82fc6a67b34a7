"""Observes calls at their kernel functions, and at the tracepoint as long as some calls need it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate
from typing import Final

from falcohost import kept
from falcohost_syscall.drivers.modern_ebpf.attach.attachment import Attachment
from falcohost_syscall.drivers.modern_ebpf.attach.begins import Begins
from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import NOT_TRACED, CallFunctions, are_traced
from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.drivers.modern_ebpf.attach.functions import Functions
from falcohost_syscall.drivers.modern_ebpf.attach.handover import Handover
from falcohost_syscall.drivers.modern_ebpf.attach.tracepoint import TRACEPOINT, AtTracepoint
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.program_info import misses
from falcohost_syscall.records.record import COMPAT_BASE, WANT_BY_FUNCTION, WANT_ENTERED, WANT_LATELY, CallSpec

#: Seconds until waiting threads are looked for again: at first, and at most, since a thread may wait for ever.
_PAUSE: Final = 0.4
_LONGEST_PAUSE: Final = 8.0

#: Most descriptors that a probe has besides those for calls at functions of their own.
OTHERS: Final = 150


class AtFunctions(Attachment):
    """Programs at the functions of the calls in use, and one at the tracepoint for calls that these do not see.

    While the place at which a call is seen changes, the tracepoint reports calls in progress, unless a program at a
    function has already seen them.
    """

    def __init__(self, library: Library, probe: Object, found: CallFunctions) -> None:
        """Prepare the loaded *probe* for the functions in *found*.

        :raises NotPossibleError: the kernel does not allow it.
        """
        super().__init__()
        self._library, self._probe = library, probe
        self._functions = Functions(library, probe, found)
        self._begins = Begins(library, probe, found)
        self._compared: AbstractSet[int] = frozenset()
        self._handover = Handover(probe)
        self._by_tracepoint = False
        self._needs_tracepoint = self._is_rest = False
        self._seen: AbstractSet[int] = frozenset()
        self._pause, self._next_look = _PAUSE, 0.0

    @property
    def where(self) -> str:
        """``function``, or ``both`` while the tracepoint is needed."""
        return "both" if self._by_tracepoint else "function"

    @property
    def told(self) -> str:
        """Where calls are seen, and why, in words."""
        told = "calls are seen at the kernel's functions"
        if self.waiting:
            number = len(self.waiting)
            waiting = "a thread waits in a call" if number == 1 else f"{number} threads wait in calls"
            return f"{told}, and at the tracepoint of all calls while {waiting} that began before"
        if self._by_tracepoint:
            return f"{told}, and at the tracepoint of all calls where no function shows them"
        return told

    @property
    def waiting(self) -> frozenset[int]:
        """The threads in calls that began before their functions were attached."""
        return self._handover.waiting

    @property
    def stages(self) -> Sequence[Stages]:
        """The copied stages for each kind of function."""
        return self._functions.stages

    @property
    def held(self) -> Sequence[int]:
        """The descriptors on which it depends that calls are seen."""
        return [*self._functions.held, *self._begins.held]

    @property
    def programs(self) -> Sequence[int]:
        """The programs at functions, and at the tracepoint."""
        return [*self._functions.programs, self._probe.program_fd(TRACEPOINT)]

    def start(self) -> None:
        """Attach nothing: no call is in use yet."""

    def prepare(self, numbers: AbstractSet[int]) -> None:
        """Prepare the copies of stages for these calls."""
        self._functions.prepare(numbers)

    def measure(self, on: bool) -> None:
        """Switch measuring of filtered calls on or off."""
        self._functions.measure(on)

    def enter(self, calls: Mapping[int, CallSpec], traced: AbstractSet[int]) -> Mapping[int, CallSpec]:
        """Start to observe *calls*; return them with the place at which each is seen."""
        seen = self._functions.seen(chosen(calls, traced, self._seen, kept.room() - OTHERS))
        new = seen - self._seen
        if new or self._seen & calls.keys() - seen:
            self._hand_over()
        self._compared = {number for number in seen if calls[number].want & WANT_ENTERED}
        self._begins.enter(self._compared)
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
        """Stop to observe all calls that :meth:`enter` was not given last."""
        self._functions.leave(self._seen)
        self._begins.leave(self._compared)
        self._needs_tracepoint = self._is_rest
        self._pause = _PAUSE
        self._look_for_waiting()

    def successor(self) -> Attachment | None:
        """Return an attachment to the tracepoint alone, once the kernel no longer traces functions."""
        if are_traced():
            if self._handover.goes_on and time.monotonic() >= self._next_look:
                self._look_for_waiting()
            return None
        self._hand_over()
        self.close()
        return AtTracepoint(self._library, self._probe, NOT_TRACED, self._handover)

    def missed(self) -> int:
        """Return how many calls the programs were skipped for, at functions and at the tracepoint."""
        return self._functions.missed() + misses(self._library, self._probe.program_fd(TRACEPOINT))

    def close(self) -> None:
        """Detach from functions, and unload the copies."""
        self._functions.close()
        self._begins.close()

    def _look_for_waiting(self) -> None:
        self._handover.look()
        self._next_look = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._trace()

    def _hand_over(self) -> None:
        """Let the tracepoint report what functions do not show, until :meth:`leave` at least."""
        self._needs_tracepoint = True
        self._trace()
        self._handover.begin()

    def _trace(self) -> None:
        on = self._needs_tracepoint or self._handover.goes_on
        if on != self._by_tracepoint:
            (self._probe.attach if on else self._probe.detach)(TRACEPOINT)
            self._by_tracepoint = on


def chosen(
    calls: Mapping[int, CallSpec], traced: AbstractSet[int], seen: AbstractSet[int], room: int
) -> AbstractSet[int]:
    """Return those of *calls* that are not to be *traced* at the tracepoint and that functions are to show.

    A descriptor holds each, and a further one if its arguments are compared. If there is no *room* for all, these are
    first those that are compared, then those that are *seen* there already. Calls of 32-bit programs have functions in
    common.
    """
    numbers = calls.keys() - traced
    own = [number for number in numbers if number < COMPAT_BASE]
    own.sort(key=lambda number: (not calls[number].want & WANT_ENTERED, number not in seen, number))
    taken = accumulate(2 if calls[number].want & WANT_ENTERED else 1 for number in own)
    return numbers - {number for number, count in zip(own, taken, strict=True) if count > room}
