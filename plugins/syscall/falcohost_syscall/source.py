"""The event source ``syscall``: the probe's records in, events out, the process table kept true in between."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

from falcohost.errors import SourceError
from falcohost.events import Batch, Plan, SourceStats, TypeCount
from falcohost_syscall import config, procfs, wanted
from falcohost_syscall.calls import BY_NAME, CALLS, EXIT, Call
from falcohost_syscall.drivers.modern_ebpf import ModernEbpf, Options, Settings
from falcohost_syscall.events import (
    ARG0,
    CALL,
    CGROUP,
    COMM,
    FLAGS,
    KIND,
    PID,
    PPID,
    RET,
    START,
    TS,
    VPID,
    Context,
    SyscallEvent,
    cgroup_sections,
    command,
    sections,
)
from falcohost_syscall.filenames import NamedEvent, RequestedView
from falcohost_syscall.names import HOSTS
from falcohost_syscall.proctable import Image, Process, executed_image, executed_session
from falcohost_syscall.pushdown.condition import FALSE, Condition
from falcohost_syscall.pushdown.filters import Probe, container_place, load
from falcohost_syscall.pushdown.plan import conditions
from falcohost_syscall.records import (
    FLAG_NEWTHREAD,
    FORKED,
    HEADER,
    KIND_CALL,
    KIND_CGROUP,
    KIND_EXEC,
    KIND_EXIT,
    KIND_FORK,
    SEC_ARGS,
    SEC_CWD,
    SEC_ENV,
    SEC_EXE,
    SEC_EXEC,
    SEC_FILENAME,
    SEC_FORK,
    WANT_MESSAGES,
    CallCount,
)
from falcohost_syscall.text import text

#: The rings are looked at this often, in seconds; a full one wakes sooner.
PERIOD = 0.05
#: An idle source says so this often.
IDLE = 0.5
#: After a loss the table is compared with /proc, at most this often.
SWEEP = 10.0

#: Causes of the probe's counters under which an event was still sent, only incomplete.
INCOMPLETE = frozenset({"unreadable", "cut"})
_EXIT_ROW = BY_NAME[EXIT]
_NOTES_SOCKET = frozenset({"connect", "accept", "accept4"})
_SENDS = frozenset({"sendto", "sendmsg", "sendmmsg"})
_KEEPS_TABLE = frozenset({"setsid", "setpgid", "chdir", "fchdir"})

_log = logging.getLogger("falcohost")


def boot_time() -> int:
    """Return when the machine was booted, in nanoseconds since the epoch."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class SyscallSource:
    """System calls of this machine, seen by eBPF. It cannot be read again, so it has no cursor."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._config = config.parse(settings)
        self._context = Context()
        self._driver: ModernEbpf | None = None
        self._options = Options()
        self._types: frozenset[str] = frozenset()
        self._track_destinations = False
        self._weaker = 0
        self._received = 0
        self._passed = 0
        self._lost: dict[str, int] = {}
        self._swept = 0.0

    def open(self, plan: Plan, cursor: str | None) -> None:
        """Load the probe, then learn of what runs already; what happens meanwhile waits in the rings.

        :raises SourceError: the machine has not what it takes, or does not let us.
        """
        self._context.boot = boot_time()
        rows = BY_NAME["execve"].call, BY_NAME["execveat"].call
        settings = Settings(execve=rows[0], execveat=rows[1], ring_size=self._config.ring_size)
        plan = self._config.base.choose(plan)
        self._options = self._wanted_options(plan)
        self._driver = ModernEbpf(settings, self._options)
        if self._config.agent_pid is not None:
            self._driver.ignore(self._config.agent_pid, forks=True)
        for record in self._driver.tasks():
            self._task(record)
        self._context.table.link()
        self._ignore_siblings()
        self.update(plan)

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
        plan = self._config.base.choose(plan)
        self._track_destinations = "fd.name_changed" in plan.fields
        needed = conditions(plan) if self._config.pushdown else {}
        collected = wanted.collected(plan) - {name for name, condition in needed.items() if condition == FALSE}
        self._set_options(self._wanted_options(plan)._replace(measure=self._options.measure))
        self._set_filters({name: condition for name, condition in needed.items() if name in collected})
        only_successful = self._config.only_successful
        self._opened.set_calls(
            wanted.calls(collected, only_successful=only_successful),
            wanted.requests(collected, only_successful=only_successful),
        )
        self._types = wanted.event_types(plan)

    def _wanted_options(self, plan: Plan) -> Options:
        return wanted.options(plan)._replace(requested=not self._config.all_names)

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
        driver = self._opened
        filters = load(needed, driver.kernel, Probe(*map(driver.map_fd, ("scratches", "stages", "containers"))))
        driver.set_filters(filters.programs)
        filters.close()
        self._weaker = len(filters.weaker)
        for sentence in filters.weaker:
            _log.warning("%s", sentence)

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

    def batches(self) -> Iterator[Batch]:
        """Yield what came since the last batch, at least twice a second; ends when the source is closed."""
        last = time.monotonic()
        while self._driver is not None:
            records = self._driver.read()
            now = time.monotonic()
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
        unwanted, types = self._counts()
        return SourceStats(
            received=self._received,
            passed=self._passed,
            dropped=dropped,
            filtered=sum(count.filtered for count in types.values()),
            weakened=self._weaker,
            types=types,
            unwanted=unwanted,
            fill={} if self._driver is None else self._driver.fill(),
        )

    def _counts(self) -> tuple[TypeCount, dict[str, TypeCount]]:
        """Return what was met that nobody wants, and what became of the calls of each event type that was seen."""
        counts = {} if self._driver is None else self._driver.counts()
        seen = [(CALLS[row - 1], count) for row, count in counts.items() if row and count.seen]
        unwanted = counts.get(0, CallCount())
        return (
            TypeCount(seen=unwanted.timed, timed=unwanted.timed, ns=unwanted.ns),
            {row.name: _type_count(row, count) for row, count in seen},
        )

    def measure(self, on: bool) -> None:
        """Measure what each call costs in the kernel, or no longer."""
        self._set_options(self._options._replace(measure=on))

    def close(self) -> None:
        """Unload the probe."""
        if self._driver is not None:
            self._counters()
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
        unpack, context, types = HEADER.unpack_from, self._context, self._types
        processes = context.table.processes
        make = NamedEvent if self._config.all_names else RequestedView
        for data in records:
            h = unpack(data)
            kind = h[KIND]
            if kind == KIND_CGROUP:
                self._learn_cgroups(h[CGROUP], data)
                continue
            process = processes.get(h[PID])
            if process is None or process.start != h[START]:
                process = self._find(h)
            elif process.ppid != h[PPID]:
                self._reparent(process, h[PPID])
            if kind == KIND_CALL:
                row = CALLS[h[CALL] - 1]
            elif kind == KIND_FORK:
                self._fork(h, data, process)
                continue
            elif kind == KIND_EXEC:
                row = CALLS[h[CALL] - 1]
                self._exec(h, data, process)
            elif kind == KIND_EXIT:
                row = _EXIT_ROW
                if h[ARG0 + 1]:
                    context.table.exit(process, h[ARG0 + 2])
            else:
                continue
            name = row.name
            if name in _KEEPS_TABLE:
                self._keep(name, h, data, process)
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

    def _find(self, h: tuple[Any, ...]) -> Process:
        return self._context.table.find(h[PID], h[START], h[PPID], h[VPID], command(h[COMM]), h[CGROUP])

    def _reparent(self, process: Process, ppid: int) -> None:
        parent = self._context.table.processes.get(ppid)
        if parent is not None:
            process.parent = parent
            process.ppid = ppid

    def _fork(self, h: tuple[Any, ...], data: bytes, maker: Process) -> None:
        if h[FLAGS] & FLAG_NEWTHREAD:
            return
        child = FORKED.unpack_from(sections(data)[SEC_FORK])
        self._context.table.fork(maker, child[:4], child[4], child[5], command(h[COMM]), h[CGROUP])

    def _exec(self, h: tuple[Any, ...], data: bytes, process: Process) -> None:
        found = sections(data)
        cwd = found.get(SEC_CWD)
        self._context.table.execute(
            process,
            command(h[COMM]),
            _image(found, h[TS]),
            executed_session(found[SEC_EXEC]) if SEC_EXEC in found else process.session,
            None if cwd is None else text(cwd),
        )
        process.cgroup = h[CGROUP]

    def _keep(self, name: str, h: tuple[Any, ...], data: bytes, process: Process) -> None:
        """Take over what a call changed of its process."""
        if h[RET] < 0:
            return
        if name == "setsid":
            process.session = (process.pid, process.pid, process.vpid, process.vpid, 0)
        elif name == "setpgid":
            table = self._context.table.processes
            # The numbers are of the caller's pid namespace; 0 stands for the caller, and for the new leader itself.
            target = process if h[ARG0] in (0, process.vpid) else table.get(h[ARG0])
            if target is not None:
                group = h[ARG0 + 1] or target.vpid
                leader = target.pid if group == target.vpid else group
                target.session = (target.session[0], leader, target.session[2], group, target.session[4])
        elif (cwd := sections(data).get(SEC_CWD)) is not None:
            process.cwd = text(cwd)

    def _task(self, data: bytes) -> None:
        """Note a process that the task iterator met."""
        h = HEADER.unpack_from(data)
        found = sections(data)
        self._learn_cgroups(h[CGROUP], data)
        image = _image(found, 0)
        if not image.args_raw:
            image.args_raw = procfs.read_if_same(h[PID], h[START], "cmdline")
        image.env_raw = found.get(SEC_ENV)
        process = Process(h[PID], h[PPID], h[VPID], h[START], command(h[COMM]), h[CGROUP], image)
        if SEC_EXEC in found:
            process.session = executed_session(found[SEC_EXEC])
        if (cwd := found.get(SEC_CWD)) is not None:
            process.cwd = text(cwd)
        self._context.table.task(process)


def _type_count(row: Call, count: CallCount) -> TypeCount:
    """Return it as the host counts; a call that makes many events is none that filters leave out."""
    filtered = 0 if row.want & WANT_MESSAGES else count.seen - count.passed - count.lost
    return TypeCount(count.seen, max(filtered, 0), count.passed, count.lost, count.timed, count.ns)


def _image(found: dict[int, bytes], ts: int) -> Image:
    return executed_image(
        found.get(SEC_EXEC, b""),
        found.get(SEC_ARGS, b""),
        found.get(SEC_ENV),
        found.get(SEC_EXE, b""),
        found.get(SEC_FILENAME, b""),
        ts,
    )
