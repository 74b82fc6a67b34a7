"""Turns the probe's records into events, and keeps the process table up to date meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from falcohost_syscall.calls.rows import BY_NAME, CALLS, EXIT
from falcohost_syscall.drivers.modern_ebpf.decoding.names import NamedEvent, RequestedView
from falcohost_syscall.drivers.modern_ebpf.decoding.own import OwnCalls
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import (
    ARG0,
    CALL,
    CGROUP,
    KIND,
    PID,
    PPID,
    START,
    cgroup_sections,
)
from falcohost_syscall.drivers.modern_ebpf.decoding.process_records import KEEPS_TABLE, ProcessRecords
from falcohost_syscall.drivers.modern_ebpf.rings import Position
from falcohost_syscall.drivers.modern_ebpf.sentinel import NOTHING, NUMBER, Watch
from falcohost_syscall.drivers.modern_ebpf.takeover.progress import Step
from falcohost_syscall.events.event import Context, SyscallEvent
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.live import LiveProcesses
from falcohost_syscall.processes.longer import ARGUMENTS
from falcohost_syscall.records.record import (
    HEADER,
    KIND_CALL,
    KIND_CGROUP,
    KIND_EXEC,
    KIND_EXIT,
    KIND_FORK,
    KIND_MORE,
    KIND_TASK,
)

_EXIT_ROW: Final = BY_NAME[EXIT]
_NOTES_SOCKET: Final = frozenset({"connect", "accept", "accept4"})
#: Listed processes whose arguments are asked for together.
_LISTED_AT_ONCE: Final = 256
_SENDS: Final = frozenset({"sendto", "sendmsg", "sendmmsg"})


class Decoder:
    """Turns records into events.

    :ivar context: the tables that events share; *processes*: the process table.
    :ivar types: the event types that are passed on; *passed*: the number of events passed on.
    :ivar track_destinations: events say whether they change their socket's destination.
    :ivar sentinel: the call with which the agent sees whether records arrive; it is no event. *watch*: gets them.
    """

    def __init__(
        self,
        context: Context,
        processes: LiveProcesses,
        types: frozenset[str] = frozenset(),
        *,
        all_names: bool = True,
        own: OwnCalls | None = None,
    ) -> None:
        """Make events of *types*.

        With *all_names* a file has all its names, else only the requested one. What is in *own* is left out.
        """
        self.context = context
        self.types = types
        self.track_destinations = False
        self.passed = 0
        self.sentinel = NOTHING
        self.watch = Watch()
        self._make = NamedEvent if all_names else RequestedView
        self._own = own or OwnCalls()
        self._processes = processes
        self._told = ProcessRecords(processes)

    def list_tasks(
        self, records: Iterable[bytes], *, all_processes: bool, lacks_program: Callable[[int], bool] = lambda _: False
    ) -> list[int]:
        """Add running processes from the records that list them; return the pids of those that were not known yet.

        Only those that the kernel has no context of are added, or all with *all_processes*. There may be very many, so
        that few records are kept at a time.

        :param lacks_program: returns whether the kernel's context of a process, given by its pid, lacks its program.
        """
        listed = ((HEADER.unpack_from(data), data) for data in records)
        unknown = ((h, data) for h, data in listed if all_processes or not h[ARG0 + 1] or lacks_program(h[PID]))
        learned: set[int] = set()
        found: list[int] = []
        while some := [*islice(unknown, _LISTED_AT_ONCE)]:
            arguments = procfs.read_each(((h[PID], h[START]) for h, _ in some), ARGUMENTS)
            for (h, data), one in zip(some, arguments, strict=True):
                if (key := h[CGROUP]) not in learned:  # runtimes may be asked for its containers
                    self._learn_cgroups(key, data)
                    learned.add(key)
                self._told.task(h, data, one)
                found.append(h[PID])
        self._processes.link()
        return found

    def _learn_cgroups(self, key: int, data: bytes) -> None:
        self.context.containers.learn(key, cgroup_sections(data))

    def apply(self, records: Iterable[bytes]) -> None:
        """Change the tables as *records* say (those in :attr:`Step.records`), without events."""
        passed = self.passed
        for _ in self.events(records):
            pass
        self.passed = passed

    def events(self, records: Iterable[bytes], step: Step | None = None) -> Iterator[SyscallEvent]:
        """Yield the events in *records*; each is yielded while the table is as of this event.

        :param step: gets those that change the tables, and, at the end, the number of events passed on.
        """
        step = step or Step(Position())
        changes = step.records.append
        unpack, context, types, told = HEADER.unpack_from, self.context, self.types, self._told
        processes, make, own = self._processes.processes, self._make, self._own
        pids, parents, undecided = own.pids, own.parents, context.containers.undecided
        for data in records:
            h = unpack(data)
            kind = h[KIND]
            if kind != KIND_CALL:
                changes(data)
            if kind == KIND_CGROUP:
                self._learn_cgroups(h[CGROUP], data)
                continue
            if kind == KIND_TASK:
                told.tell(h, data)
                continue
            if kind == KIND_MORE:
                told.more(h, data)
                continue
            process = processes.get(h[PID])
            if process is None or process.start != h[START]:
                if kind == KIND_EXIT and EXIT not in types:
                    continue
                process = told.find(h)
            elif process.ppid != h[PPID]:
                told.reparent(process, h[PPID])
            if kind == KIND_CALL:
                row = CALLS[h[CALL] - 1]
            elif kind == KIND_FORK:
                told.fork(h, data, process)
                continue
            elif kind == KIND_EXEC:
                row = CALLS[h[CALL] - 1]
                told.execute(h, data, process)
            elif kind == KIND_EXIT:
                row = _EXIT_ROW
                if h[ARG0 + 1]:
                    context.table.exit(process, h[ARG0 + 2])
            else:
                continue
            name = row.name
            if name in KEEPS_TABLE:
                told.keep(name, h, data, process)
                changes(data)
            if name not in types:
                if h[CALL] == self.sentinel.row and kind == KIND_CALL and h[PID] == self.sentinel.pid:
                    self.watch.take(h[ARG0 + NUMBER])
                continue
            if undecided and h[CGROUP] in undecided:
                context.containers.decide(h[CGROUP], process)
            self.passed += 1
            event = make(row, h, data, self.passed, process, context)
            if context.first is None:
                context.first = event.ts
            if name in _NOTES_SOCKET:
                event.note_socket()
                changes(data)
            elif name in _SENDS and self.track_destinations:
                event.note_destination()
                changes(data)
            if (h[PID] in pids or h[PPID] in parents) and own.have(event):
                continue
            yield event
        step.passed = self.passed
