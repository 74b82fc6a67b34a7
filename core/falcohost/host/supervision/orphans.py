"""Reaps processes that others have started, and ends those of the agent whose parent has ended.

The kernel makes them children of this process: as a subreaper (prctl(2)), or as process 1 of a container
(pid_namespaces(7)). They may be what a program has left behind whose keeper was killed, or, in a container, anybody's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from falcohost.clock import SYSTEM, Clock
from falcohost.host.forked import own_children
from falcohost.host.kernel_files import read_kernel_file
from falcohost.libc import prctl
from falcohost.log import log

#: Seconds between two looks; between two for those that were stopped, which cannot end by themselves, and may have
#: something in the kernel that others wait for.
LOOK = 2.0
LOOK_FOR_STOPPED = 0.2

#: Seconds that orphans have to end at the end of the run.
GRACE: Final = 1.0

# Stopped by a signal, or by a tracer (proc(5)).
_STOPPED: Final = ("T", "t")

# linux/prctl.h
_PR_SET_CHILD_SUBREAPER: Final = 36


class Orphans:
    """Looks after orphans: what is there at two looks is reaped or killed, so that others may come first.

    What was stopped is killed at the first.

    :param inherits: this process inherits orphans.
    :param ours: returns whether only processes of the agent have this user; others are not killed.
    """

    def __init__(
        self,
        *,
        inherits: bool | None = None,
        ours: Callable[[int], bool] = lambda user: False,
        clock: Clock = SYSTEM,
    ) -> None:
        self._inherits = os.getpid() == 1 if inherits is None else inherits
        self._ours = ours
        self._clock = clock
        self._due = self._stopped_due = 0.0
        self._seen: set[int] = set()

    def reap(self) -> None:
        """Look, unless the last look was less than :data:`LOOK` seconds ago."""
        now = self._clock.monotonic()
        if not self._inherits or now < self._stopped_due:
            return
        self._stopped_due = now + LOOK_FOR_STOPPED
        seen = _children() - own_children()
        if now >= self._due:
            self._due = now + LOOK
            again, self._seen = seen & self._seen, seen
        else:
            again = set()
        for pid in seen:
            state = _state(pid)
            if pid in again and state == "Z":
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            elif (pid in again or state in _STOPPED) and self._is_ours(pid):
                log.warning("process %d, whose parent has ended, is killed", pid)
                _kill(pid)

    def end(self) -> None:
        """Kill those of the agent that are left, and what they have started."""
        until = self._clock.monotonic() + GRACE
        while self._inherits and (left := {pid for pid in _children() - own_children() if self._is_ours(pid)}):
            for pid in left:
                _kill(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if self._clock.monotonic() > until:
                return
            time.sleep(0.01)

    def _is_ours(self, pid: int) -> bool:
        try:
            status = Path(f"/proc/{pid}/status").read_bytes()  # the folder may belong to root (PR_SET_DUMPABLE)
        except OSError:
            return False
        return self._ours(int(status.partition(b"\nUid:")[2].split()[0]))


def inherit_orphans() -> None:
    """Have the kernel make orphans among the descendants of this process its children."""
    with contextlib.suppress(OSError):
        prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def _children() -> set[int]:
    """Return the children of all threads of this process, as far as they can be read now."""
    found: set[int] = set()
    with contextlib.suppress(OSError):  # no descriptor is free, say
        for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 # which takes less time
            with contextlib.suppress(OSError):
                found.update(map(int, read_kernel_file(f"/proc/self/task/{thread}/children").split()))
    return found


def _state(pid: int) -> str:
    """Return the state of a process as proc(5) has it; empty: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
