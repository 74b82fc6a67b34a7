"""The sentinel: a call of the agent that has to come back as a record, which shows that calls are seen at all.

The supervisor makes the calls, though its other calls are ignored. They are calls that nothing else makes, that change
nothing, and that take a number which the kernel does not look at. The probe sends the first of them that no rule asks
for; its filter lets only the supervisor's pass (``WANT_SENTINEL`` in bpf/call_spec.h).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Collection, Mapping
from typing import Annotated, Final

import msgspec

from falcohost.by_name import called_by_name
from falcohost.sentinel import Heard
from falcohost_syscall.calls.rows import BY_NAME, CALLS
from falcohost_syscall.facts import layout
from falcohost_syscall.filters.condition import Condition, within
from falcohost_syscall.records.record import WANT_SENTINEL, CallCount, CallSpec

#: The calls, all of which the agent makes.
NAMES: Final = ("get_robust_list", "sched_getparam")
#: The argument that is the number.
NUMBER: Final = 5

_PID: Final = layout.header("pid", 4)
_LIBC: Final = ctypes.CDLL(None)
_ROOM: Final = ctypes.create_string_buffer(64)
_FIRST: Final = ctypes.c_void_p(ctypes.addressof(_ROOM))
_SECOND: Final = ctypes.c_void_p(ctypes.addressof(_ROOM) + 32)
_ZERO: Final = ctypes.c_long(0)
_OWN: Final = [
    ctypes.c_long(BY_NAME[name].numbers[os.uname().machine][0])
    for name in NAMES
    if BY_NAME[name].numbers.get(os.uname().machine)
]


class Expected(msgspec.Struct, frozen=True, array_like=True):
    """Which records are sentinels: the row of the call, and the process that makes it; row 0: there is none."""

    row: Annotated[int, msgspec.Meta(ge=0, le=1 << 16)] = 0
    pid: Annotated[int, msgspec.Meta(ge=0, le=1 << 32)] = 0

    @property
    def call(self) -> str | None:
        """The name of the call."""
        return next((name for name in NAMES if BY_NAME[name].call == self.row), None)


NOTHING: Final = Expected()


@called_by_name("sentinel")
def call(number: int) -> None:
    """Make the calls, with this *number*."""
    for own in _OWN:
        _LIBC.syscall(own, _ZERO, _FIRST, _SECOND, _ZERO, _ZERO, ctypes.c_long(number))


def expected(types: Collection[str], pid: int | None) -> Expected:
    """Return the sentinel of the supervisor *pid* beside events of these *types*."""
    name = next((name for name in NAMES if name not in types), None)
    return NOTHING if name is None or pid is None else Expected(BY_NAME[name].call, pid)


def condition(of: Expected) -> Condition:
    """Return the condition of its filter."""
    return within(_PID, (of.pid, of.pid))


def calls(of: Expected) -> dict[int, CallSpec]:
    """Return the probe's settings for its call, by number on this machine."""
    return {number: CallSpec(of.row, WANT_SENTINEL) for number in CALLS[of.row - 1].numbers[os.uname().machine]}


class Watch:
    """What a reader knows of the sentinels.

    :ivar arrived: the number of the latest that has arrived; *count*: how many have.
    """

    def __init__(self) -> None:
        self.arrived = self.count = 0
        self._seen = 0
        self._before: CallCount | None = None
        self._lost_before: Mapping[str, int] = {}

    def take(self, number: int) -> None:
        """Take note that one has arrived."""
        self.count += 1
        if number > self.arrived:
            self.arrived = number

    def heard(self, complete: int, count: CallCount, lost: Mapping[str, int]) -> Heard:
        """Return what has arrived.

        :param complete: all records from before this time have been read.
        :param count: the kernel's counters of the call; *lost*: those of losses.
        """
        if self._before is None or self.arrived != self._seen:
            self._seen, self._before, self._lost_before = self.arrived, count, lost
        before = self._before
        rising = {cause: number - self._lost_before.get(cause, 0) for cause, number in lost.items()}
        no_room = count.lost > before.lost or any(rising.get(cause, 0) > 0 for cause in ("scratch", "preempted"))
        if no_room:
            cause = "overload: the kernel has no room for them"
        elif count.seen == before.seen:
            cause = "the probe does not see calls: it is detached, or its tables were changed"
        elif count.passed == before.passed:
            cause = "the probe sees calls and sends nothing: its filters or programs were changed"
        else:
            cause = "the probe sends them, and its ring has them no more: somebody else reads it, or has changed it"
        return Heard(self.arrived, complete, cause, overloaded=no_room)
