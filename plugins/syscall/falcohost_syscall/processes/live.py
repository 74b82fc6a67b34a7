"""The processes of this machine: what is not told of one is looked up in ``/proc``."""

from __future__ import annotations

from pathlib import Path

from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.table import LIMIT, NO_SESSION, Image, Process, ProcessTable


class LiveProcesses(ProcessTable):
    """The processes that run on this machine.

    :ivar unknown: how often an event came from a process that no fork or start had told of.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__(limit)
        self.unknown = 0

    def find(self, pid: int, start: int, ppid: int, vpid: int, comm: str, cgroup: int) -> Process:
        """Return the process of an event with this header, made from ``/proc`` or the header if it is not known."""
        process = self.processes.get(pid)
        if process is not None and self._is(process, start):
            return process
        self.unknown += 1
        return self.add(self._discover(pid, start, ppid, vpid, comm, cgroup))

    def by_number(self, pid: int) -> Process | None:
        """Return a process that is known by its number alone; one that nobody has told of is looked up in ``/proc``."""
        process = self.processes.get(pid)
        if process is None and pid > 0 and (status := procfs.status(pid)) is not None:
            process = Process(pid, status.ppid, pid, status.start, status.comm, 0, Image(b"", None, b""))
            self.look_up(process)
        return process

    @staticmethod
    def _is(process: Process, start: int) -> bool:
        """Tell whether the process began then; of one found in /proc, which rounds, the exact time is taken over."""
        if process.start == start:
            return True
        if process.start % procfs.TICK or process.start // procfs.TICK != start // procfs.TICK:
            return False
        process.start = start
        return True

    def tell(self, pid: int, start: int, vpid: int) -> Process:
        """Return the entry of a process of which more is about to be told."""
        process = self.processes.get(pid)
        if process is not None and self._is(process, start):
            return process
        return self.add(Process(pid, 0, vpid, start, "", 0, Image(b"", None, b"")), link=False)

    def tell_parent(self, process: Process, ppid: int, start: int) -> None:
        """Note whose child *process* is; a parent that is not known yet will be told of next."""
        process.ppid = ppid
        process.parent = self.tell(ppid, start, ppid)

    def look_up(self, process: Process) -> None:
        """Take what ``/proc`` says of a process of which the kernel keeps nothing."""
        found = procfs.image(process.pid, process.start)
        if found is not None:
            process.image = Image(*found)
        process.comm = procfs.comm(process.pid, process.start) or process.comm
        process.session = procfs.session(process.pid, process.start) or process.session

    def task(self, process: Process) -> None:
        """Note a process that ran at the start; :meth:`link` finds its parent."""
        known = self.processes.get(process.pid)
        if known is None or known.start != process.start:
            self.add(process, link=False)

    def link(self) -> None:
        """Give every process that has none its parent; one that is not known is looked for in /proc."""
        for pid in {process.ppid for process in self.processes.values()} - self.processes.keys():
            self._discover_parents(pid)
        for process in list(self.processes.values()):
            if process.parent is None and process.ppid:
                process.parent = self.processes.get(process.ppid)

    def sweep(self) -> None:
        """Forget what is no longer there: after records were lost, an exit may have been among them."""
        for pid in [pid for pid in self.processes if not Path(f"/proc/{pid}").exists()]:
            self.exit(self.processes[pid], 1)

    def _discover(self, pid: int, start: int, ppid: int, vpid: int, comm: str, cgroup: int) -> Process:
        found = procfs.image(pid, start)
        image = Image(*found) if found else Image(b"", b"", b"")
        process = Process(pid, ppid, vpid, start, procfs.comm(pid, start) or comm, cgroup, image)
        process.session = procfs.session(pid, start) or NO_SESSION
        self._discover_parents(ppid)
        return process

    def _discover_parents(self, pid: int) -> None:
        """Add a process, its parent, and so on, as far as they are not known and ``/proc`` has them."""
        below: Process | None = None
        while pid and pid not in self.processes and (status := procfs.status(pid)) is not None:
            image = Image(*(procfs.image(pid, status.start) or (b"", b"", b"")))
            process = Process(pid, status.ppid, pid, status.start, status.comm, 0, image)
            process.session = status.session
            self.processes[pid] = process
            if below is not None:
                below.parent = process
            below, pid = process, status.ppid
        if below is not None:
            below.parent = self.processes.get(pid)

    def make_room(self) -> None:
        """Forget who has ended unseen, then drop the oldest entries, until there is room for one more."""
        self.sweep()
        super().make_room()
