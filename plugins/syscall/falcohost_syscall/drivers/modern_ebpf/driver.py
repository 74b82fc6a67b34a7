"""The driver ``modern_ebpf``: observes the system calls of this machine with the probe in the kernel."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from falcohost import Batch, Plan, SourceError, SourceStats
from falcohost.needs import CONNECT, PROBE, THREADS, Needs
from falcohost_syscall.calls.rows import BY_NAME, EXEC, EXIT
from falcohost_syscall.drivers.modern_ebpf import config
from falcohost_syscall.drivers.modern_ebpf.collection import Collection
from falcohost_syscall.drivers.modern_ebpf.counts import by_type, unwanted
from falcohost_syscall.drivers.modern_ebpf.decoding.decoder import Decoder
from falcohost_syscall.drivers.modern_ebpf.kept import kept
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.events.event import Context
from falcohost_syscall.events.hosts import HOSTS
from falcohost_syscall.facts.containers import told_of
from falcohost_syscall.fields.field import Need
from falcohost_syscall.processes.boot_clock import boot_time
from falcohost_syscall.processes.containers import Container
from falcohost_syscall.processes.live import LiveProcesses
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.needs import needs
from falcohost_syscall.watched.files import WatchedFiles

#: Seconds between two reads of the rings; a ring that fills up is read sooner.
PERIOD: Final = 0.05
#: Seconds after which an idle driver yields an empty batch.
IDLE: Final = 0.5
#: Least number of seconds between two comparisons of the table with /proc after a loss.
SWEEP: Final = 10.0

#: Causes of the probe's counters with which the event was sent, but incomplete.
INCOMPLETE: Final = frozenset({"unreadable", "cut", "real_name"})
#: At start the running processes are listed up to this many times, until the kernel has context of all of them.
LISTED: Final = 3

_log = logging.getLogger("falcohost")


class ModernEbpf:
    """The driver (:class:`~falcohost_syscall.drivers.driver.Driver`).

    :ivar context: the tables that events share; *processes*: the process table.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._config = config.parse(settings)
        self.users = Users()
        self.processes = LiveProcesses()
        self.context = Context(self.processes, self.users)
        self._decoder = Decoder(
            self.context, self.processes, all_names=self._config.all_names, on_container=self._set_container
        )
        self._probe: Probe | None = None
        self._collection: Collection | None = None
        self._plan = Plan("syscall")
        self._received = 0
        self._lost: dict[str, int] = {}
        self._swept = 0.0
        self._looked = 0.0

    @property
    def needs(self) -> Needs:
        """Return that it loads filters when rules change, and looks up the host names in rules."""
        return Needs(frozenset({PROBE, THREADS, *((CONNECT,) if HOSTS.wanted else ())}), None)

    def open(self, plan: Plan) -> None:
        """Load the probe, then read the running processes; events that occur meanwhile wait in the rings.

        :raises SourceError: the machine lacks something that the probe needs, or refuses it.
        """
        found = self._config
        self.context.boot = boot_time()
        options = Options(all_processes=not found.process_context, requested=not found.all_names)
        settings = LoadSettings(BY_NAME[EXEC].call, BY_NAME[EXIT].call, ring_size=found.ring_size)
        self._probe = probe = Probe(settings, options, by_function=found.attach != "tracepoint")
        self._collection = Collection(found, probe, options, WatchedFiles(probe))
        self._say_why_not(logging.WARNING if found.attach == "function" else logging.DEBUG)
        if found.agent_pid is not None:
            probe.ignore(found.agent_pid, forks=True)
        self._list_processes(probe)
        self._ignore_siblings(probe)
        self.update(plan)

    def _list_processes(self, probe: Probe) -> None:
        """Add the running processes, and have the kernel cache their context."""
        every = not self._config.process_context
        for _ in range(LISTED):
            some_unknown = self._decoder.list_tasks(probe.tasks(), all_processes=every)
            if every or not some_unknown:
                return
            refused = [p for p in self.processes.processes.values() if not probe.keep(p.pid, *kept(p))]
            if refused:  # they have ended, or the kernel has newer context
                self.processes.sweep()

    def _ignore_siblings(self, probe: Probe) -> None:
        """Ignore the agent's other workers: what its supervisor has forked and what still has its command line."""
        processes = self.processes.processes
        supervisor = processes.get(self._config.agent_pid or 0)
        for process in processes.values():
            if process.parent is supervisor is not None and process.image.args_raw == supervisor.image.args_raw:
                probe.ignore(process.pid, forks=True)

    def update(self, plan: Plan) -> None:
        """Collect what *plan* asks for from now on; calls that both plans ask for are not interrupted."""
        HOSTS.start()
        self._plan = plan
        plan = self._config.base.choose(plan)
        self._decoder.track_destinations = Need.DESTINATIONS in needs(plan)
        followed = self.collection.options.exec_cwd
        self._decoder.types = self.collection.update(plan, self.users)
        if self.collection.options.exec_cwd and not followed:
            for process in self.processes.processes.values():
                process.cwd = None  # may be outdated: it was not followed

    def _say_why_not(self, level: int = logging.WARNING) -> None:
        if reason := self.probe.attachment.why_not:
            _log.log(level, "System calls are observed at the tracepoint, not at their functions: %s.", reason)

    def _look_at_attachment(self, now: float) -> None:
        """Go over to the tracepoint if functions no longer show calls."""
        if now - self._looked < IDLE:
            return
        self._looked = now
        if not self.probe.still_sees():
            self._say_why_not()
            self.update(self._plan)

    def _look_at_accounts(self) -> None:
        """Compile the filters anew if rules use names of users or groups and the accounts have changed."""
        if self.users.refresh() and Need.ACCOUNTS in needs(self._plan):
            self.update(self._plan)

    def _set_container(self, key: int, container: Container) -> None:
        if self._probe is not None:
            self._probe.set_container(key, told_of(container))

    @property
    def probe(self) -> Probe:
        """The loaded probe.

        :raises SourceError: the driver is not open.
        """
        if self._probe is None:
            raise SourceError("The syscall source is not open.")
        return self._probe

    @property
    def collection(self) -> Collection:
        """Return what the probe collects.

        :raises SourceError: the driver is not open.
        """
        if self._collection is None:
            raise SourceError("The syscall source is not open.")
        return self._collection

    def batches(self) -> Iterator[Batch]:
        """Yield new events, or an empty batch at least twice a second, until the driver is closed."""
        last = time.monotonic()
        if self._probe is not None:
            self.collection.watched.start()
        while self._probe is not None:
            self.context.boot = boot_time(self.context.boot)
            records = self._probe.read()
            self._look_at_accounts()
            now = time.monotonic()
            self._look_at_attachment(now)
            if records:
                self._received += len(records)
                yield Batch(self._decoder.events(records), views=self._config.all_names)
                last = now
            elif now - last >= IDLE:
                last = now
                self._after_loss(now)
                yield Batch(())
            if self._probe is not None:
                self._probe.wait(PERIOD)

    def stats(self) -> SourceStats:
        """Return the counters since :meth:`open`; an event that was sent incomplete does not count as dropped."""
        probe = self._probe
        dropped = {cause: count for cause, count in self._counters().items() if cause not in INCOMPLETE}
        dropped["process_table_full"] = self.processes.dropped
        counts = {} if probe is None else probe.counts()
        types = by_type(counts)
        return SourceStats(
            received=self._received,
            passed=self._decoder.passed,
            dropped=dropped,
            filtered=sum(count.filtered for count in types.values()),
            weakened=0 if self._collection is None else self._collection.weaker,
            types=types,
            unwanted=unwanted(counts),
            fill={} if probe is None else probe.fill(),
            notes=() if probe is None else (probe.attachment.told,),
        )

    def measure(self, on: bool) -> None:
        """Switch measuring of the cost of events in the kernel on or off."""
        self.collection.measure(on)

    def close(self) -> None:
        """Unload the probe."""
        if self._probe is not None:
            self._counters()
            if self._collection is not None:
                self._collection.watched.close()
            self._probe.close()
            self._probe = None

    def _counters(self) -> dict[str, int]:
        if self._probe is not None:
            self._lost = self._probe.lost()
        return self._lost

    def _after_loss(self, now: float) -> None:
        """Remove processes whose exit was lost."""
        before = self._lost.get("proc_ring_full", 0)
        if self._counters().get("proc_ring_full", 0) > before and now - self._swept > SWEEP:
            self._swept = now
            self.processes.sweep()
