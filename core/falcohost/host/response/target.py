"""Finds the process that an alert is about, so that no other is ever taken for it.

A pid is used again. So a process is held by a descriptor (pidfd_open(2)), and its start has to be that of the alert's
subject. /proc tells starts in ticks of 10 ms; whoever got the pid later was started after the event, and so in a later
tick than the process of the alert, unless the event was in the tick in which that one was started. Then a newcomer
would have to get the same pid within this time, for which the kernel has to go through all others first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from pathlib import Path
from typing import Final

from falcohost.host.response.processes import TICK, Stat, stat_of
from falcohost.subject import ProcessSubject

#: Ticks by which an event has to be later than the start of its process: the clocks of both are not the same.
_LATER: Final = 2

#: Processes and threads that a processor can start in the time that cannot be told apart, and pids that the kernel
#: keeps for itself (kernel/pid.c).
FORKS: Final = 2000
_RESERVED: Final = 300


class Refusal(Exception):
    """An action is not taken; the text says why."""


class Target:
    """A process that is held by the *descriptor*, so that its pid is nobody else's as long as it has not ended."""

    def __init__(self, descriptor: int, stat: Stat) -> None:
        self.descriptor = descriptor
        self.pid = stat.pid
        self.stat = stat

    @property
    def ended(self) -> bool:
        """Return whether it has ended."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def signal(self, number: signal.Signals) -> bool:
        """Send it a signal; return False if it has ended.

        :raises PermissionError: it may not be signalled.
        """
        try:
            signal.pidfd_send_signal(self.descriptor, number)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """Let go of it."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


def hold(pid: int) -> Target | None:
    """Return whatever process has this *pid* now; None: none has."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    stat = stat_of(pid)
    if stat is None or stat.ended:
        os.close(descriptor)
        return None
    target = Target(descriptor, stat)
    if target.ended:  # so what was read may be of another one
        target.close()
        return None
    return target


def _can_hold() -> bool:
    """Return whether the kernel has descriptors of processes."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        return error.errno != errno.ENOSYS
    return True


def find(subject: ProcessSubject, at: int) -> Target:
    """Return the process that *subject* is, as an event at a time has shown it.

    :param at: the time of the event, in nanoseconds since 1970.
    :raises Refusal: it has ended, or cannot be told from a later one with the same pid.
    """
    target = hold(subject.pid)
    if target is None:
        raise Refusal(f"process {subject.pid} has ended" if _can_hold() else "that needs Linux 5.3 or newer")
    start = subject.start // TICK
    try:
        if target.stat.start != start:
            raise Refusal(f"process {subject.pid} has ended, and another has its pid")
        if (at - _boot()) // TICK < start + _LATER and not _unique(len(os.sched_getaffinity(0))):
            raise Refusal(f"process {subject.pid} cannot be told from a later one: there are too few pids")
    except Refusal:
        target.close()
        raise
    return target


def _boot() -> int:
    """Return when the machine was started, in nanoseconds since 1970."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _unique(processors: int) -> bool:
    """Return whether no pid can be used again so soon that its former process was started in the same ticks."""
    try:
        most = int(Path("/proc/sys/kernel/pid_max").read_text())
        tasks = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return False
    return most - _RESERVED - tasks >= FORKS * processors
