"""The driver ``ebpf``: observes system calls at the kernel's tracepoints, with programs that BCC compiles.

It is for kernels on which ``modern_ebpf`` cannot run, without BTF or before its oldest. The programs tell of every call
of the kinds that rules ask for; the rest is done here, as for the kernel module.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from falcohost import Batch, Plan, SourceStats
from falcohost.needs import MAPS, Needs
from falcohost_syscall.calls.rows import BY_NAME, EXEC, EXIT
from falcohost_syscall.drivers import ring_settings
from falcohost_syscall.drivers.asked_for import chosen, kept_true
from falcohost_syscall.drivers.ending import Ending
from falcohost_syscall.drivers.legacy_ebpf import bcc, cgroups, records
from falcohost_syscall.drivers.legacy_ebpf.program import Program, source
from falcohost_syscall.drivers.legacy_ebpf.recipes import COVERED, ENDED, EXECUTED, is_fork, numbers, numbers_of
from falcohost_syscall.drivers.legacy_ebpf.records import Around, Record
from falcohost_syscall.drivers.legacy_ebpf.rings import Position, RawRecord
from falcohost_syscall.drivers.own import is_quiet
from falcohost_syscall.drivers.processors import processors
from falcohost_syscall.drivers.tabled import IDLE, TabledDriver
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.listing import cgroup_lines

#: Most differences, in nanoseconds, between clocks that count as none.
_DRIFT: Final = 1_000_000
#: Most records that are taken while processes are listed, of some 300 bytes each.
_MOST_EARLY: Final = 100_000
#: Most cgroups that are remembered.
_MOST_CGROUPS: Final = 8192
#: Most bytes that the program collects of data.
_LONGEST: Final = 4095
_NO_ARGUMENTS: Final = b"\0"
#: Calls of the agent's own that are not read, and records behind which a process may be another.
_QUIET: Final = numbers_of(is_quiet)
_BECOMES_ANOTHER: Final = frozenset({EXECUTED, ENDED})
_log = logging.getLogger("falcohost")


class LegacyEbpf(TabledDriver):
    """The driver (:class:`~falcohost_syscall.drivers.driver.Driver`)."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._config = ring_settings.parse(settings, "ebpf", _LONGEST)
        super().__init__(settings, self._config.base, self._config.agent_pid)
        self._program: Program | None = None
        self._offset = 0
        self._cgroups: dict[int, bytes] = {}
        self._folders = cgroups.Cgroups()
        self._early: list[RawRecord] = []
        self._received = self._damaged = self._lost = 0
        self._ending: Ending[Position] | None = None
        self._told_of: frozenset[str] = frozenset()

    @property
    def needs(self) -> Needs:
        """Return that it tells its programs which calls to observe, and looks for cgroups."""
        return super().needs | Needs(frozenset({MAPS}), (cgroups.FOLDER,))

    def open(self, plan: Plan) -> None:
        """Compile and attach the programs; then list the processes that run.

        :raises SourceError: something is missing, or the kernel refuses them; the text says what to do.
        """
        bcc.check()
        text = source(self._config.snaplen, only_successful=self._config.only_successful)
        self._program = Program(text, processors("online"), self._config.ring_size)
        self.update(plan)
        self._list(self._take_early)

    def _take_early(self) -> None:
        """Take records while processes are listed, which may take longer than the rings last."""
        if self._program is not None and self._program.rings.is_filling and len(self._early) < _MOST_EARLY:
            self._early += self._program.rings.records()

    def update(self, plan: Plan) -> None:
        """Pass on what *plan* asks for from now on; calls that both plans ask for are not interrupted."""
        found = chosen(self._config.base, plan)
        wanted = found.event_types or frozenset()
        self._tell_uncovered(wanted)
        if self._program is not None:
            self._program.observe(numbers(wanted | {EXEC, EXIT}, kept_true(found)))
        self._take(plan, found)

    def _tell_uncovered(self, wanted: frozenset[str]) -> None:
        """Warn of event types that rules name and of which this driver does not tell."""
        machine = platform.machine()
        here = frozenset(name for name in wanted - COVERED if name in BY_NAME and BY_NAME[name].numbers.get(machine))
        missing = here - self._told_of
        self._told_of |= missing
        if missing:
            names = ", ".join(sorted(missing))
            _log.warning("engine.kind: ebpf does not observe %s; no rule or filter matches them", names)

    def batches(self) -> Iterator[Batch]:
        """Yield new events, or an empty batch at least twice a second, until the driver is closed.

        :raises HelperEnded: what reads ``/proc`` has ended.
        """
        last = time.monotonic()
        while (program := self._program) is not None:
            self._refresh()
            found, self._early = self._early or program.rings.records(), []
            now = time.monotonic()
            self._look_up(program.rings, program.rings.lost, now)
            if found:
                self._received += len(found)
                yield Batch(self._events(found))
                last = now
            elif now - last >= IDLE:
                last = now
                yield Batch(())
            if self._ending is not None and self._ending.is_reached(program.rings, len(self._early)):
                return
            self._rest(program.rings)

    def end(self) -> None:
        """Have :meth:`batches` end behind what waits in the rings now."""
        if self._program is not None:
            self._ending = Ending(self._program.rings.written)

    def _events(self, found: Sequence[RawRecord]) -> Iterator[SyscallEvent]:
        """Yield those that rules ask for; each is yielded while the tables are as of this event."""
        applying, offset = self._applying, time.time_ns() - time.monotonic_ns()
        if abs(offset - self._offset) > _DRIFT:
            self._offset = offset
        quiet = self._own.quiet
        for _, cpu, data in found:
            if quiet:
                pid, number = records.caller(data)
                if pid in quiet and number in _QUIET:
                    continue
            record = records.read(data, self._offset)
            call = None if record is None else records.call(record, self._around(record), cpu)
            if record is None or call is None:
                self._damaged += 1
                continue
            applying.number += 1
            event = applying.apply(call)
            if record.number == EXECUTED:
                self._note_confinement(record)
            is_told = event is not None and self._told(event)
            if record.number in _BECOMES_ANOTHER:
                self._own.forget(record.pid)
            if event is not None and is_told:
                yield event

    def _note_confinement(self, record: Record) -> None:
        """Remember of an executed program whether its container is privileged, which Falco's events do not tell."""
        known = self.tables.threads.get(record.tid)
        if known is not None and known.process.image.exec_ts == record.ts:
            known.process.image.privileged = bool(record.is_unconfined)

    def _around(self, record: Record) -> Around:
        """Return what the record does not tell of its thread: its cgroups, and the arguments that it has inherited."""
        if not is_fork(record.number):
            lines = self._lines(record) if record.number == EXECUTED else b""
            return Around(lines, _NO_ARGUMENTS)
        maker = record.tid if record.result else record.pid if record.pid != record.tid else record.ptid
        known = self.tables.threads.get(maker)
        args = b"" if known is None or known.is_unknown else known.process.image.args_raw
        return Around(self._lines(record), args)

    def _lines(self, record: Record) -> bytes:
        """Return the cgroups of the thread of a record; nothing if they are not known: then they are as before.

        The number that the kernel tells is that of version 2's hierarchy, and says nothing where there are others.
        """
        number = record.cgroup
        lines = self._cgroups.get(number) if number else None
        if lines is not None:
            return lines
        path = self._folders.path(number)
        if path is None:
            found = procfs.read(record.tid, "cgroup")
            return b"" if found is None else cgroup_lines(found)
        lines = b"=" + os.fsencode(path) + b"\0"
        if len(self._cgroups) >= _MOST_CGROUPS:
            self._cgroups.clear()
        self._cgroups[number] = lines
        return lines

    def stats(self) -> SourceStats:
        """Return the counters since :meth:`open`."""
        program = self._program
        if program is not None:
            self._lost = program.rings.lost
        return SourceStats(
            received=self._received,
            passed=self._applying.passed,
            dropped={
                "ring_full": self._lost,
                "unread": 0 if self._ending is None else self._ending.unread,
                "damaged": self._damaged,
                "process_table_full": self.tables.processes.dropped,
            },
            fill={} if program is None else program.rings.fill(),
            notes=("system calls are observed by eBPF programs of BCC, at tracepoints",),
        )

    def close(self) -> None:
        """Detach the programs."""
        if self._program is not None:
            self.stats()
            program, self._program = self._program, None
            program.close()
        self._addresses.close()
