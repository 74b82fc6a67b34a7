"""Attaches programs to the tracepoints at which single calls begin (``syscalls:sys_enter_NAME``).

The kernel compares the number of the call itself, so other calls do not run them. 32-bit calls do not pass these
tracepoints.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Final

from falcohost_syscall.kernel import perf

_FOLDER: Final = "syscalls"


class CallTracepoints:
    """Where programs are attached: at the begin of which calls.

    :ivar problem: why they could not be attached, or None.
    """

    def __init__(self, *programs: int) -> None:
        """Attach these loaded *programs* (of type ``tracepoint``) by and by, see :meth:`set`.

        The folder is opened now, since mounting takes rights that the process gives up once the probe is loaded.
        """
        self.problem: str | None = None
        self._folder = -1
        self._programs = programs
        self._events: dict[str, list[int]] = {}
        try:
            self._folder = perf.opened_folder(_FOLDER)
        except OSError as error:
            self.problem = os.strerror(error.errno or 0)

    @property
    def held(self) -> Sequence[int]:
        """The descriptors as long as which the programs run."""
        return [event for events in self._events.values() for event in events]

    def set(self, calls: frozenset[str]) -> None:
        """Have the programs run when one of these *calls* begins, and no other; what the kernel lacks is left out."""
        for name in self._events.keys() - calls:
            _close(self._events.pop(name))
        missing = calls - self._events.keys()
        if not missing or self._folder < 0:
            return
        try:
            for name, number in _numbers(self._folder, missing):
                self._events[name] = _attached(number, self._programs)
            self.problem = None
        except OSError as error:
            self.problem = os.strerror(error.errno or 0)

    def close(self) -> None:
        """Detach the programs."""
        _close(self.held)
        self._events.clear()
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1


def _attached(number: int, programs: Sequence[int]) -> list[int]:
    events: list[int] = []
    try:
        for program in programs:
            events.append(perf.opened_event(number))
            perf.run_at(events[-1], program)
            perf.count(events[-1])
    except BaseException:
        _close(events)
        raise
    return events


def _close(descriptors: Sequence[int]) -> None:
    for fd in descriptors:
        os.close(fd)


def _numbers(folder: int, calls: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Yield the calls that have a tracepoint, and its number."""
    for name in sorted(calls):
        with contextlib.suppress(FileNotFoundError):
            yield name, perf.number_of(f"sys_enter_{name}", folder)
