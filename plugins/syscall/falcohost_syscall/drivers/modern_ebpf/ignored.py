"""The processes whose calls the kernel leaves out, which are known by more than their pids.

They are the supervisor, the process that loads the probe, and the one that reads it: what these do would feed itself
faster than it can be told from anything else. An entry is checked each time for who it is; nobody else may add one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.controlled import Controlled
from falcohost_syscall.processes.proc_reader import since

#: Bytes that are read at once; of fewer the last ones are among them.
_AT_ONCE: Final = 1 << 14


class _Known:
    """A process: when it was started, in ticks, and what it ran then.

    Its file stays open: opening it takes as long as reading, and it never becomes that of another process.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._file = os.open(f"/proc/{pid}/cmdline", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1
        self.since = since(pid)  # behind it: if that is as expected, the file is that process's, or no process's
        self.ran = self.runs()

    def runs(self) -> bytes:
        """Return what it runs now; empty if it ends, and for a moment while it executes another program."""
        data = b""
        try:
            while len(data) % _AT_ONCE == 0 and (more := os.pread(self._file, _AT_ONCE, len(data))):
                data += more
        except OSError:  # it has ended
            return b""
        return data

    def close(self) -> None:
        """Let go of its file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Ignored:
    """Has *probe* leave out the calls of some processes, the first of which stay."""

    def __init__(self, probe: Controlled, pids: Iterable[int]) -> None:
        self._probe = probe
        self._lasting: dict[int, _Known] = {}
        self._others: dict[int, _Known] = {}
        # No longer left out, since they end or are executing another program; and whether one was among the first.
        self._leaving: dict[int, tuple[_Known, bool]] = {}
        for pid in pids:
            self._lasting[pid] = _Known(pid)
            probe.ignore(pid)

    def replace(self, others: Mapping[int, int]) -> None:
        """Leave out these too (pid → since when it runs), in place of those of the last call."""
        found = {pid: _Known(pid) for pid in others.keys() - self._lasting.keys()}
        new = {pid: known for pid, known in found.items() if known.since == others[pid]}
        for pid in self._others.keys() - new.keys():
            self._probe.observe(pid)
        for pid in found.keys() - new.keys():
            found[pid].close()
        for known in self._others.values():
            known.close()
        for pid in new:
            self._probe.ignore(pid)
        self._others = new

    def check(self) -> Iterator[str]:
        """Mend what is not as it has to be, and yield a sentence for each finding."""
        for pid, known in [*self._lasting.items(), *self._others.items()]:
            now = known.runs()
            if now and now == known.ran:
                continue
            self._leaving[pid] = known, self._lasting.pop(pid, None) is not None
            self._others.pop(pid, None)
            self._probe.observe(pid)
        for pid, (known, lasted) in [*self._leaving.items()]:
            executed = known.runs()
            if not executed and since(pid) == known.since:
                continue  # it is seen at the next look which of both it is
            del self._leaving[pid]
            if executed == known.ran and pid not in self._others:  # the same again, as an agent's restart is
                (self._lasting if lasted else self._others)[pid] = known
                self._probe.ignore(pid)
                continue
            known.close()
            if executed and executed != known.ran:
                yield f"process {pid} of the agent, whose calls are not collected, has executed another program"
        wanted, found = self._lasting.keys() | self._others.keys(), self._probe.ignored()
        for pid in sorted(found - wanted):
            self._probe.observe(pid)
            yield f"process {pid} was added to those whose calls are not collected; it is removed again"
        for pid in sorted(wanted - found):
            self._probe.ignore(pid)
            yield f"process {pid} of the agent was removed from those whose calls are not collected; it is added again"
        for pid in sorted(pid for pid in wanted if not self._probe.is_hinted(pid)):
            self._probe.ignore(pid)
            yield f"the hint at process {pid} of the agent, whose calls are not collected, was removed; it is set again"

    def close(self) -> None:
        """Let go of what it has open."""
        for known in (*self._lasting.values(), *self._others.values(), *(known for known, _ in self._leaving.values())):
            known.close()
