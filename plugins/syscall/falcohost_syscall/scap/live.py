"""The tables of this machine, whose threads can be looked up in ``/proc``, and its events."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from falcohost import ProcessSubject
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.boot_clock import TICK, boot_time, since_boot, ticks
from falcohost_syscall.processes.container_accounts import ContainerAccounts
from falcohost_syscall.processes.containers import Containers
from falcohost_syscall.processes.listing import cgroup_lines
from falcohost_syscall.processes.subject import live_subject
from falcohost_syscall.processes.table import Process
from falcohost_syscall.processes.users import Users
from falcohost_syscall.scap.confinement import Confinement
from falcohost_syscall.scap.event import CapturedEvent
from falcohost_syscall.scap.lists import descriptors, threads
from falcohost_syscall.scap.reader import TooShortError
from falcohost_syscall.scap.tables import Tables, Thread

#: The versions of the lists that are made of ``/proc``.
_THREADS, _DESCRIPTORS = 9, 2
_CONTROLLERS: Final = Path("/sys/fs/cgroup/cgroup.subtree_control")
#: Most threads that are looked up in a second before their event; others are looked up when there is nothing to read.
MOST_LOOKED_UP: Final = 20
#: Seconds of each second that looking up may take, and most threads that wait for it; others stay unknown.
_SHARE: Final = 0.1
_MOST_LATER: Final = 4096
#: How often processes are tried at the start.
_TRIES: Final = 2


class LiveTables(Tables):
    """The state of this machine.

    :ivar own_users: its accounts.
    :ivar unknown: number of events whose thread had to be looked up.
    :ivar is_behind: events wait, or were lost: no thread is looked up before its event.
    """

    def __init__(self) -> None:
        self.own_users = Users()
        super().__init__(self.own_users, Containers())
        self.context.inside = ContainerAccounts(_started)
        self.context.is_unconfined = Confinement(self._user).is_unconfined
        self.unknown = 0
        self.is_behind = False
        self._second = self._left = 0
        self._took = 0.0
        self._later: dict[int, None] = {}
        self._hides_cgroups = _has_no_controllers()

    def thread(self, tid: int) -> Thread:
        """Return a thread; one that is not known is looked up, at once or later."""
        if tid > 0 and tid not in self.threads:
            self.unknown += 1
            if not self.is_behind and self._may_look_up():
                self._left -= 1
                self._look_up_and_link(tid)
            elif len(self._later) < _MOST_LATER:
                self._later[tid] = None
        return self.new_thread(tid)

    def look_up_later(self) -> None:
        """Look up threads that were not known when their events came, as far as that may take now."""
        while self._later and self._may_take():
            tid = next(iter(self._later))
            del self._later[tid]
            known = self.threads.get(tid)
            if known is None or not known.is_unknown:
                continue
            self.remove(known)
            if not self._look_up_and_link(tid):
                self.add(known)

    def _look_up_and_link(self, tid: int) -> bool:
        began = time.monotonic()
        found = self.look_up(tid)
        if found:
            pid = self.threads[tid].process.pid
            self.link([self.threads[one] for one in self.groups.get(pid, ())])
        self._took += time.monotonic() - began
        return found

    def _may_look_up(self) -> bool:
        return self._may_take() and self._left > 0

    def _may_take(self) -> bool:
        """Return whether looking up has taken less than its share of this second."""
        now = int(time.monotonic())
        if now != self._second:
            self._second, self._left, self._took = now, MOST_LOOKED_UP, 0.0
        return self._took < _SHARE

    def told_cgroup(self, lines: bytes, tid: int, before: int) -> int:
        """Return the key of the cgroups of a thread.

        The kernel module tells the cgroups of version 2's controllers. Where the hierarchy has none switched on, that
        is the root for each process.
        """
        if not self._hides_cgroups or any(one.partition(b"=")[2] not in (b"", b"/") for one in lines.split(b"\0")):
            return self.cgroup(lines)
        found = procfs.read(tid, "cgroup") if tid else None
        return before if found is None else self.cgroup(cgroup_lines(found))

    def _user(self, process: Process) -> int | None:
        known = self.threads.get(process.pid)
        return None if known is None else known.uid

    def list_running(self, between: Callable[[], object] | None = None) -> None:
        """Add all processes that run now, with their threads and descriptors; call *between* after each.

        Those of which nothing could be read in time, as of large ones on a busy machine, are tried once more.
        """
        waiting = sorted(procfs.READING.reader.pids() or ())
        for _ in range(_TRIES):
            missed = []
            for pid in waiting:
                if not self.look_up(pid):
                    missed.append(pid)
                if between is not None:
                    between()
            waiting = missed
        self.link()

    def sweep(self) -> None:
        """Remove processes that no longer run; needed after exits may have been lost."""
        running = procfs.READING.reader.pids()
        for pid in () if running is None else [*self.groups.keys() - running]:
            for tid in [*self.groups[pid]]:
                thread = self.threads[tid]
                if self.remove(thread):
                    self.processes.exit(thread.leader, 1)

    def look_up(self, tid: int) -> bool:
        """Add the process of a thread as it is now, without links to others; return whether there is one."""
        found = procfs.READING.reader.listed(tid)
        if found is None or None in found:
            return False
        listed, files, start = (one or b"" for one in found)
        began = boot_time() + since_boot(int(start or b"0"))
        try:
            for thread in threads(listed, _THREADS):
                if thread.tid not in self.threads:
                    self.list_thread(thread)
                    self.threads[thread.tid].start = self.threads[thread.tid].process.start = began
            self.list_descriptors(*descriptors(files, _DESCRIPTORS))
        except TooShortError:  # it was cut off
            pass
        return tid in self.threads


def _started(process: Process) -> int | None:
    """Return the start of a process in the unit of ``/proc``; None: it has ended, and its id may be another's.

    The tables know when its start was told, which is a moment later, or when it was listed.
    """
    found = procfs.status(process.pid)
    if found is None or found.start + boot_time() > process.start + TICK:
        return None
    return ticks(found.start)


def _has_no_controllers() -> bool:
    """Return whether cgroups are of version 2, and none of its controllers is switched on."""
    try:
        return not _CONTROLLERS.read_text().split()
    except OSError:
        return False


class LiveEvent(CapturedEvent):
    """An event of a process of this machine."""

    __slots__ = ()

    @property
    def subject(self) -> ProcessSubject | None:  # type: ignore[override]
        """The process as the subject of an alert; None if it has ended, or its id is another's by now."""
        found = procfs.status(self.pid)
        if found is None or found.start + boot_time() > self.ts + TICK:
            return None
        return live_subject(self.pid, found.start, self.thread.cgroup, _unified(self.cgroups))


def _unified(cgroups: tuple[str, ...]) -> tuple[str, ...]:
    """Return *cgroups* with the path in version 2's hierarchy: the deepest of those of the controllers."""
    paths = [line.partition("=")[2] for line in cgroups]
    deepest = max(paths, key=len, default="")
    if any(not f"{deepest}/".startswith(f"{path.rstrip('/')}/") for path in paths):
        return cgroups  # version 1: each controller has a hierarchy of its own
    return (*cgroups, f"={deepest}") if deepest else cgroups
