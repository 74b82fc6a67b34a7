"""Keeps the processes of this machine; what the probe has not told about one is read from ``/proc``."""

from __future__ import annotations

from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.boot_clock import is_rounded, ticks
from falcohost_syscall.processes.table import LIMIT, NO_SESSION, Image, Process, ProcessTable


class LiveProcesses(ProcessTable):
    """The processes that run on this machine.

    :ivar unknown: number of events whose process was in no earlier record.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__(limit)
        self.unknown = 0

    def find(self, pid: int, start: int, ppid: int, vpid: int, comm: str, cgroup: int) -> Process:
        """Return the process of an event; an unknown one is made from ``/proc`` and the facts of the event's header."""
        process = self.processes.get(pid)
        if process is not None and self._is(process, start):
            return process
        self.unknown += 1
        return self.add(self._discover(pid, start, ppid, vpid, comm, cgroup))

    def by_number(self, pid: int) -> Process | None:
        """Return the process with this pid; an unknown one is looked up in ``/proc``."""
        process = self.processes.get(pid)
        if process is None and pid > 0 and (found := procfs.facts(pid)) is not None:
            process = _made(pid, found, Image(b"", None, b""))
        return process

    @staticmethod
    def _is(process: Process, start: int) -> bool:
        """Return whether *process* started at *start*. Replaces a rounded time by the exact one."""
        if process.start == start:
            return True
        if not is_rounded(process.start) or ticks(process.start) != ticks(start):
            return False
        process.start = start
        return True

    def tell(self, pid: int, start: int, vpid: int) -> Process:
        """Return the entry of a process that the following records describe."""
        process = self.processes.get(pid)
        if process is not None and self._is(process, start):
            return process
        return self.add(Process(pid, 0, vpid, start, "", 0, Image(b"", None, b"")), link=False)

    def tell_parent(self, process: Process, ppid: int, start: int) -> None:
        """Set the parent of *process*; the next record describes a parent that is not known yet."""
        process.ppid = ppid
        process.parent = self.tell(ppid, start, ppid)

    def look_up(self, process: Process) -> None:
        """Fill in from ``/proc`` a process that the kernel has no context of."""
        found = procfs.facts(process.pid, process.start)
        if found is not None:
            process.image = process.image if found.image is None else _image(found.image)
            process.comm = found.status.comm or process.comm
            process.session = found.status.session

    def task(self, process: Process) -> None:
        """Add a process that ran at start-up; :meth:`link` sets its parent later."""
        known = self.processes.get(process.pid)
        if known is None or known.start != process.start:
            self.add(process, link=False)

    def link(self) -> None:
        """Set the parents of all processes that have none; unknown parents are looked up in ``/proc``."""
        for pid in {process.ppid for process in self.processes.values()} - self.processes.keys():
            self._discover_parents(pid)
        for process in list(self.processes.values()):
            if process.parent is None and process.ppid:
                process.parent = self.processes.get(process.ppid)

    def sweep(self) -> None:
        """Remove processes that no longer exist; needed after records of exits may have been lost."""
        running = procfs.READING.reader.pids()
        if running is not None:
            for pid in self.processes.keys() - running:
                self.exit(self.processes[pid], 1)

    def _discover(self, pid: int, start: int, ppid: int, vpid: int, comm: str, cgroup: int) -> Process:
        found = procfs.facts(pid, start)
        image = _image(found.image) if found is not None and found.image is not None else Image(b"", b"", b"")
        name, session = (comm, NO_SESSION) if found is None else (found.status.comm or comm, found.status.session)
        process = Process(pid, ppid, vpid, start, name, cgroup, image)
        process.session = session
        self._discover_parents(ppid)
        return process

    def _discover_parents(self, pid: int) -> None:
        """Add a process and its ancestors from ``/proc``, up to the first that is known or that ``/proc`` lacks."""
        below: Process | None = None
        while pid and pid not in self.processes and (found := procfs.facts(pid)) is not None:
            self.processes[pid] = process = _made(pid, found, Image(b"", b"", b""))
            if below is not None:
                below.parent = process
            below, pid = process, found.status.ppid
        if below is not None:
            below.parent = self.processes.get(pid)

    def make_room(self) -> None:
        """Remove processes that ended unnoticed, then the oldest entries, until there is room for one more."""
        self.sweep()
        super().make_room()


def _made(pid: int, found: procfs.Facts, unknown: Image) -> Process:
    """Return a process with the facts that were *found*; *unknown* is its image if they lack that."""
    status = found.status
    image = unknown if found.image is None else _image(found.image)
    process = Process(pid, status.ppid, pid, status.start, status.comm, 0, image)
    process.session = status.session
    return process


def _image(found: tuple[bytes, bytes | None, bytes]) -> Image:
    image = Image(*found)
    image.args_cut = len(image.args_raw) >= procfs.SNAP
    return image
