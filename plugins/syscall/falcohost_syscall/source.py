"""The event source ``syscall``: the probe's records in, events out, the process table kept true in between."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

from falcohost import Batch, Plan, SourceError, SourceStats
from falcohost_syscall import config
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.calls.rows import BY_NAME, CALLS, EXEC, EXIT
from falcohost_syscall.drivers.modern_ebpf import wanted
from falcohost_syscall.drivers.modern_ebpf.options import Options, Settings
from falcohost_syscall.drivers.modern_ebpf.probe import ModernEbpf
from falcohost_syscall.events.event import (
    ARG0,
    CALL,
    CGROUP,
    KIND,
    PID,
    PPID,
    START,
    Context,
    SyscallEvent,
    cgroup_sections,
)
from falcohost_syscall.events.file_names import NamedEvent, RequestedView
from falcohost_syscall.events.hosts import HOSTS
from falcohost_syscall.fields.field import Need
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.filters.load import Probe, container_place, load
from falcohost_syscall.processes.kept import kept
from falcohost_syscall.processes.process_records import KEEPS_TABLE, ProcessRecords
from falcohost_syscall.pushdown.needs import needs
from falcohost_syscall.pushdown.plan import conditions
from falcohost_syscall.records.counts import by_type, unwanted
from falcohost_syscall.records.record import (
    HEADER,
    KIND_CALL,
    KIND_CGROUP,
    KIND_EXEC,
    KIND_EXIT,
    KIND_FORK,
    KIND_TASK,
)
from falcohost_syscall.watched.files import WatchedFiles
from falcohost_syscall.watched.paths import watched_paths

#: The rings are looked at this often, in seconds; a full one wakes sooner.
PERIOD = 0.05
#: An idle source says so this often.
IDLE = 0.5
#: After a loss the table is compared with /proc, at most this often.
SWEEP = 10.0

#: Causes of the probe's counters under which an event was still sent, only incomplete.
INCOMPLETE = frozenset({"unreadable", "cut", "real_name"})
_EXIT_ROW = BY_NAME[EXIT]
_NOTES_SOCKET = frozenset({"connect", "accept", "accept4"})
_SENDS = frozenset({"sendto", "sendmsg", "sendmmsg"})
#: The processes that run are listed so often at start, until the kernel keeps something of all: some start meanwhile.
LISTED = 3

_log = logging.getLogger("falcohost")


def boot_time() -> int:
    """Return when the machine was booted, in nanoseconds since the epoch."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class SyscallSource:
    """System calls of this machine, seen by eBPF. It cannot be read again, so it has no cursor."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._config = config.parse(settings)
        self._context = Context()
        self._processes = ProcessRecords(self._context.table)
        self._driver: ModernEbpf | None = None
        self._watched: WatchedFiles | None = None
        self._options = Options()
        self._plan = Plan("syscall")
        self._types: frozenset[str] = frozenset()
        self._track_destinations = False
        self._weaker = 0
        self._received = 0
        self._passed = 0
        self._lost: dict[str, int] = {}
        self._swept = 0.0
        self._looked = 0.0

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Load the probe, then learn of what runs already; what happens meanwhile waits in the rings.

        :raises SourceError: the machine has not what it takes, or does not let us.
        """
        self._context.boot = boot_time()
        settings = Settings(BY_NAME[EXEC].call, BY_NAME[EXIT].call, ring_size=self._config.ring_size)
        self._options = Options(all_processes=not self._config.process_context, requested=not self._config.all_names)
        self._driver = ModernEbpf(settings, self._options, by_function=self._config.attach != "tracepoint")
        self._say_why_not(logging.WARNING if self._config.attach == "function" else logging.DEBUG)
        self._watched = WatchedFiles(self._driver)
        if self._config.agent_pid is not None:
            self._driver.ignore(self._config.agent_pid, forks=True)
        self._list_processes(self._driver)
        self._ignore_siblings()
        self.update(plan)

    def _list_processes(self, driver: ModernEbpf) -> None:
        """Note what runs already, and have the kernel keep it too."""
        table = self._context.table
        for _ in range(LISTED):
            listed = [(HEADER.unpack_from(data), data) for data in driver.tasks()]
            unknown = [(h, data) for h, data in listed if not h[ARG0 + 1] or self._options.all_processes]
            for h, data in unknown:
                self._learn_cgroups(h[CGROUP], data)
                self._processes.task(h, data)
            table.link()
            if self._options.all_processes or not unknown:
                return
            refused = [p for p in table.processes.values() if not driver.keep(p.pid, *kept(p))]
            if refused:  # they have ended, or the kernel knows of a later exec
                table.sweep()

    def _ignore_siblings(self) -> None:
        """Leave out the agent's other workers: what its supervisor has forked, and what still has its command line."""
        processes = self._context.table.processes
        supervisor = processes.get(self._config.agent_pid or 0)
        for process in processes.values():
            if process.parent is supervisor is not None and process.image.args_raw == supervisor.image.args_raw:
                self._opened.ignore(process.pid, forks=True)

    def update(self, plan: Plan) -> None:
        """Collect what *plan* wants from now on; calls that both plans want are not interrupted."""
        HOSTS.start()
        self._plan = plan
        plan = self._config.base.choose(plan)
        self._track_destinations = Need.DESTINATIONS in needs(plan)
        every = not self._config.process_context
        needed = conditions(plan, self._context.users, all_processes=every) if self._config.pushdown else {}
        collected = wanted.collected(plan, needed, all_processes=every)
        only_successful, hooks = self._config.only_successful, wanted.hooks(collected) & self._opened.hooks
        calls = wanted.calls(collected, needed=needed, only_successful=only_successful, hooks=hooks)
        self._opened.prepare(calls)
        self._set_filters({name: condition for name, condition in needed.items() if name in collected})
        options = wanted.options(plan, needed, all_processes=every)._replace(watched=self._watch(plan))
        self._set_options(options._replace(measure=self._options.measure, requested=not self._config.all_names))
        self._opened.set_calls(
            calls,
            wanted.requests(collected, needed=needed, only_successful=only_successful, hooks=hooks),
            traced=wanted.returning_twice(collected, needed=needed),
            passing=hooks,
        )
        self._types = event_types(plan)

    def _watch(self, plan: Plan) -> bool:
        """Watch the files that the setting means; tell whether there are any."""
        paths = watched_paths(self._config.watched, plan) if self._config.all_names else frozenset()
        if self._watched is not None:
            self._watched.watch(paths)
        return bool(paths)

    def _set_options(self, options: Options) -> None:
        if options == self._options:
            return
        self._opened.set_options(options)
        if options.exec_cwd and not self._options.exec_cwd:
            for process in self._context.table.processes.values():
                process.cwd = None  # perhaps an old one: nobody has followed it
        self._options = options

    def _set_filters(self, needed: Mapping[str, Condition]) -> None:
        """Let the kernel leave out what is not *needed*; what was needed before as well is never left out."""
        weaker: dict[str, None] = {}
        for place in self._opened.places:
            probe = Probe(*map(place.map_fd, Probe._fields))
            processes = self._config.process_context and place is self._opened
            filters = load(needed, place.kernel, probe, processes=processes)
            place.set_filters(filters.programs)
            filters.close()
            weaker |= dict.fromkeys(filters.weaker)
        self._weaker = len(weaker)
        for sentence in weaker:
            _log.warning("%s", sentence)

    def _say_why_not(self, level: int = logging.WARNING) -> None:
        if reason := self._opened.attachment.why_not:
            _log.log(level, "Calls are seen by the tracepoint, not by their functions: %s.", reason)

    def _look_at_attachment(self, now: float) -> None:
        """Have calls seen by the tracepoint where functions no longer show them."""
        if now - self._looked < IDLE:
            return
        self._looked = now
        if not self._opened.attachment.still_sees():
            self._say_why_not()
            self.update(self._plan)

    def _look_at_accounts(self) -> None:
        """Ask for the users and groups that there are now, where rules ask for names."""
        if self._context.users.refresh() and Need.ACCOUNTS in needs(self._plan):
            self.update(self._plan)

    def _learn_cgroups(self, key: int, data: bytes) -> None:
        container = self._context.containers.learn(key, cgroup_sections(data))
        if self._driver is not None:
            self._driver.set_container(key, container_place(container))

    @property
    def _opened(self) -> ModernEbpf:
        if self._driver is None:
            raise SourceError("The syscall source is not open.")
        return self._driver

    @property
    def context(self) -> Context:
        """Return the tables behind the events."""
        return self._context

    @property
    def attached(self) -> str:
        """Return where calls are seen (:attr:`Attachment.where`)."""
        return self._opened.attachment.where

    @property
    def waiting(self) -> frozenset[int]:
        """Return the threads that wait in calls of which only the tracepoint will see the end."""
        return self._opened.attachment.waiting

    def batches(self) -> Iterator[Batch]:
        """Yield what came since the last batch, at least twice a second; ends when the source is closed."""
        last = time.monotonic()
        if self._watched is not None:
            self._watched.start()
        while self._driver is not None:
            records = self._driver.read()
            self._look_at_accounts()
            now = time.monotonic()
            self._look_at_attachment(now)
            if records:
                self._received += len(records)
                yield Batch(self._events(records), views=self._config.all_names)
                last = now
            elif now - last >= IDLE:
                last = now
                self._after_loss(now)
                yield Batch(())
            if self._driver is not None:
                self._driver.wait(PERIOD)

    def ack(self, cursor: str) -> None:
        """Do nothing: there is no cursor."""

    def stats(self) -> SourceStats:
        """Return the numbers since :meth:`open`; an event that was sent incomplete is not dropped."""
        dropped = {cause: count for cause, count in self._counters().items() if cause not in INCOMPLETE}
        dropped["process_table_full"] = self._context.table.dropped
        counts = {} if self._driver is None else self._driver.counts()
        types = by_type(counts)
        return SourceStats(
            received=self._received,
            passed=self._passed,
            dropped=dropped,
            filtered=sum(count.filtered for count in types.values()),
            weakened=self._weaker,
            types=types,
            unwanted=unwanted(counts),
            fill={} if self._driver is None else self._driver.fill(),
            notes=() if self._driver is None else (self._driver.attachment.told,),
        )

    def measure(self, on: bool) -> None:
        """Measure what each event costs in the kernel, or no longer."""
        self._set_options(self._options._replace(measure=on))

    def close(self) -> None:
        """Unload the probe."""
        if self._driver is not None:
            self._counters()
            if self._watched is not None:
                self._watched.close()
            self._driver.close()
            self._driver = None

    def _counters(self) -> dict[str, int]:
        if self._driver is not None:
            self._lost = self._driver.lost()
        return self._lost

    def _after_loss(self, now: float) -> None:
        """Look for processes whose exit was lost."""
        before = self._lost.get("proc_ring_full", 0)
        if self._counters().get("proc_ring_full", 0) > before and now - self._swept > SWEEP:
            self._swept = now
            self._context.table.sweep()

    # Records.

    def _events(self, records: list[bytes]) -> Iterator[SyscallEvent]:
        """Yield the events in *records*; the table is as of each event when it is yielded."""
        unpack, context, types, told = HEADER.unpack_from, self._context, self._types, self._processes
        processes = context.table.processes
        make = NamedEvent if self._config.all_names else RequestedView
        for data in records:
            h = unpack(data)
            kind = h[KIND]
            if kind == KIND_CGROUP:
                self._learn_cgroups(h[CGROUP], data)
                continue
            if kind == KIND_TASK:
                told.tell(h, data)
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
            if name not in types:
                continue
            self._passed += 1
            event = make(row, h, data, self._passed, process, context)
            if context.first is None:
                context.first = event.ts
            if name in _NOTES_SOCKET:
                event.note_socket()
            elif name in _SENDS and self._track_destinations:
                event.note_destination()
            yield event
