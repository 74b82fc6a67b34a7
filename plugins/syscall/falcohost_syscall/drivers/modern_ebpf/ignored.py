"""The processes whose calls the kernel leaves out, which are known by more than their pids.

They are the supervisor, the process that loads the probe, and the one that reads it: what these do would feed itself
faster than it can be told from anything else. An entry is checked each time for who it is; nobody else may add one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from falcohost_syscall.drivers.modern_ebpf.controlled import Controlled
from falcohost_syscall.processes.proc_reader import since


class _Identity(NamedTuple):
    """When a process was started, in ticks, and what it runs."""

    since: int
    runs: bytes


class Ignored:
    """Has *probe* leave out the calls of some processes, the first of which stay."""

    def __init__(self, probe: Controlled, pids: Iterable[int]) -> None:
        self._probe = probe
        self._lasting: dict[int, _Identity] = {}
        self._others: dict[int, _Identity] = {}
        for pid in pids:
            self._lasting[pid] = _identity(pid)
            probe.ignore(pid)

    def replace(self, others: Mapping[int, int]) -> None:
        """Leave out these too (pid → since when it runs), in place of those of the last call."""
        new = {pid: _identity(pid) for pid in others.keys() - self._lasting.keys()}
        new = {pid: identity for pid, identity in new.items() if identity.since == others[pid]}
        for pid in self._others.keys() - new.keys():
            self._probe.observe(pid)
        for pid in new:
            self._probe.ignore(pid)
        self._others = new

    def check(self) -> Iterator[str]:
        """Mend what is not as it has to be, and yield a sentence for each finding."""
        for pid, known in [*self._lasting.items(), *self._others.items()]:
            if (now := _identity(pid)) == known:
                continue
            self._others.pop(pid, None)
            self._lasting.pop(pid, None)
            self._probe.observe(pid)
            if now.since == known.since and now.runs:  # one that ends has no command line any more
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


def _identity(pid: int) -> _Identity:
    try:
        runs = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        runs = b""
    return _Identity(since(pid), runs)
