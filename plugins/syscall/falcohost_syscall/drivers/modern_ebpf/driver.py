"""The driver ``modern_ebpf``: observes the system calls of this machine with the probe in the kernel.

In an agent the probe is loaded by another process (:mod:`.loader`), and a driver goes on where the one before it ended.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from falcohost import Batch, Plan, SourceError, SourceStats
from falcohost.agent import AgentProcess
from falcohost.helpers import HELPERS, Helper
from falcohost.needs import CONNECT, MAPS, PROBE, THREADS, WATCH, Needs
from falcohost.sentinel import Heard
from falcohost_syscall.calls.base_syscalls import COSTLY
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.drivers.drivers import PROC
from falcohost_syscall.drivers.ending import Ending
from falcohost_syscall.drivers.modern_ebpf import config
from falcohost_syscall.drivers.modern_ebpf.asked import ask
from falcohost_syscall.drivers.modern_ebpf.collection import Collection
from falcohost_syscall.drivers.modern_ebpf.counts import by_type, unwanted
from falcohost_syscall.drivers.modern_ebpf.decoding.decoder import Decoder
from falcohost_syscall.drivers.modern_ebpf.decoding.own import OwnCalls
from falcohost_syscall.drivers.modern_ebpf.feed import Feed
from falcohost_syscall.drivers.modern_ebpf.kept import kept
from falcohost_syscall.drivers.modern_ebpf.loader import Loader
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.drivers.modern_ebpf.reader import Counted, Reader, Since, inherited
from falcohost_syscall.drivers.modern_ebpf.sentinel import Expected
from falcohost_syscall.drivers.modern_ebpf.status import Status
from falcohost_syscall.drivers.modern_ebpf.takeover.journal import GROWTH
from falcohost_syscall.drivers.modern_ebpf.unmatched import LASTS, Unmatched
from falcohost_syscall.events.event import Context
from falcohost_syscall.events.hosts import HOSTS
from falcohost_syscall.facts.containers import told_of
from falcohost_syscall.fields.field import Need
from falcohost_syscall.kernel.maps import Added
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.boot_clock import boot_time, own_offset
from falcohost_syscall.processes.cgroup_names import Container
from falcohost_syscall.processes.container_accounts import ContainerAccounts
from falcohost_syscall.processes.live import LiveProcesses
from falcohost_syscall.processes.longer import LONGER
from falcohost_syscall.processes.proc_helper import Remote, helper_job, reading_job
from falcohost_syscall.processes.proc_reader import since
from falcohost_syscall.processes.procfs import READING
from falcohost_syscall.processes.table import Process
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.needs import needs

#: Seconds between two reads of the rings while records come; a ring that fills up is read sooner.
PERIOD: Final = 0.05
#: Seconds from the read for which the probe has woken the reader to the next one: few calls come alone.
SOON: Final = 0.01
#: Seconds after which an idle driver yields an empty batch. Two take less than a second, in which a worker reports.
IDLE: Final = 0.49
#: Least number of seconds between two comparisons of the table with /proc after a loss.
SWEEP: Final = 10.0
#: Seconds between two looks for long texts of processes that have ended.
FORGET: Final = 30.0

# Where users and groups are; their files are replaced there.
_ACCOUNTS: Final = (Path("/etc"),)

#: Causes of the probe's counters with which the event was sent, but incomplete.
INCOMPLETE: Final = frozenset({"unreadable", "cut", "real_name", "more"})
#: At start the running processes are listed up to this many times, until the kernel has context of all of them.
LISTED: Final = 3
#: Seconds for which a reader waits for its loader at most.
MOST_WAIT: Final = 5.0

_log = logging.getLogger("falcohost")


#: All that it connects to, to look up the host names in rules.
_NAME_SERVERS: Final = ("*:53",)


class ModernEbpf:
    """The driver (:class:`~falcohost_syscall.drivers.driver.Driver`).

    :ivar context: the tables that events share; *processes*: the process table.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._config = config.parse(settings)
        helpers: Mapping[str, Helper] = settings.get(HELPERS, {})
        helper = helpers.get(PROC)
        self._remote = None if helper is None else Remote(helper.link)
        if self._remote is not None:
            READING.reader = self._remote
        self.users = Users()
        self.processes = LiveProcesses()
        self.context = Context(self.processes, self.users)
        self.context.inside = self._accounts = ContainerAccounts()
        self.context.containers.on_found = self._set_container
        self._own = OwnCalls(self._config.agent_pid)
        for name, one in helpers.items():
            job, what = (reading_job, "reader of /proc") if name == PROC else (helper_job, f"helper '{name}'")
            self._own.add(one.pid, since(one.pid), job(one.job))
            self.context.agent.add(one.pid, what)
        self._decoder = Decoder(self.context, self.processes, all_names=self._config.all_names, own=self._own)
        self._loader: Loader | None = None
        self._reader: Reader | None = None
        self._plan: Plan | None = None
        self._received = self._passed_before = 0
        self._counted = Since({}, {})
        self._latest: Counted | None = None
        self._check_at = 0.0
        self._forget_at = 0.0
        self._status = Status()
        self._unmatched = Unmatched()
        self._lost = 0
        self._ending: Ending[tuple[int, int]] | None = None
        self._swept = 0.0

    @property
    def needs(self) -> Needs:
        """Return that it loads filters, if it has loaded the probe, and looks up the host names in rules."""
        reads_only = self._loader is None
        calls = {MAPS} if reads_only else {PROBE, THREADS, WATCH}
        files = _ACCOUNTS if reads_only else None
        names = {CONNECT, THREADS} if HOSTS.wanted else set()
        return Needs(frozenset(calls | names), files, connects=_NAME_SERVERS)

    def open(self, plan: Plan) -> None:
        """Go on with the probe that another process has loaded, or load it; events that occur meanwhile are not lost.

        :raises SourceError: the machine lacks something that the probe needs, or refuses it.
        """
        self.context.boot = boot_time()
        descriptors = inherited()
        if descriptors is None:
            self._loader = Loader(self._settings)
            self._loader.open(ask(self._config, plan))
            descriptors = self._loader.descriptors
        self._reader = reader = Reader(descriptors, self.context)
        self._hear(reader)
        self.update(plan)
        self._expect(reader.status().expected)
        if not reader.is_successor:
            self._list_processes(reader)
            self._wait_for_all(reader)
        if self._loader is None:
            reader.feed.end_listing()

    def _list_processes(self, reader: Reader) -> None:
        """Add the running processes, and have the kernel cache their context."""
        every = not self._config.process_context
        for _ in range(LISTED):
            unknown = self._decoder.list_tasks(
                reader.feed.tasks(), all_processes=every or reader.is_second, lacks_program=reader.feed.lacks_program
            )
            if every or not unknown:
                break
            told = self._keep_all(reader.feed, unknown)
            if reader.is_second or told is Added.NO_ROOM:
                break
            if told is Added.NO:  # some have ended, or the kernel has newer context
                self.processes.sweep()
        reader.begin(self._decoder.passed)

    def _keep_all(self, feed: Feed, pids: Iterable[int]) -> Added:
        """Have the kernel cache the context of these processes, as long as it has room.

        What it has no context of passes its filters.

        :return: what came of the last one, or of one before it that it has not been told of now.
        """
        found = Added.YES
        for process in filter(None, map(self.processes.processes.get, pids)):
            if (now := self._keep(feed, process)) is Added.NO_ROOM:
                return now
            found = now if found is Added.YES else found
        return found

    @staticmethod
    def _keep(feed: Feed, process: Process) -> Added:
        """Have the kernel cache the context of a process, unless it knows its program already.

        :return: whether it has been told of this one now.
        """
        context, large = kept(process)
        added = feed.keep(process.pid, context, large)
        if added is not Added.NO or not feed.lacks_program(process.pid):
            return added
        feed.keep_instead(process.pid, context)
        # Another program may have been executed meanwhile, or the process may have ended.
        found, image = procfs.facts(process.pid, process.start), process.image
        if found is None or found.image is None or found.image[::2] != (image.args_raw, image.exepath_raw):
            feed.forget(process.pid)
            return Added.NO
        return Added.YES

    def _wait_for_all(self, reader: Reader) -> None:
        """Wait until events are collected for which the loader waits; who is ready has all."""
        if self._loader is not None:
            self._loader.go_on()
        end = time.monotonic() + MOST_WAIT
        while reader.status().waits and time.monotonic() < end:
            time.sleep(0.01)

    def update(self, plan: Plan) -> None:
        """Pass on what *plan* asks for from now on; calls that both plans ask for are not interrupted."""
        HOSTS.start()
        if self._loader is not None and self._plan is not None:
            self._loader.update(ask(self._config, plan))
        followed = self._plan is None or Need.DIRECTORIES in needs(self._plan)
        self._plan = plan
        for remark in self._config.base.remarks(plan):
            _log.warning("%s", remark)
        chosen = self._config.base.choose(plan)
        self._decoder.track_destinations = Need.DESTINATIONS in needs(chosen)
        self._decoder.types = event_types(chosen)
        self._expect(self._decoder.sentinel)
        if Need.DIRECTORIES in needs(chosen) and not followed:
            for process in self.processes.processes.values():
                process.cwd = None  # may be outdated: it was not followed

    def _expect(self, sentinel: Expected) -> None:
        """Expect this sentinel. No rule can match events of its type, though some may name it."""
        self._decoder.sentinel = sentinel
        self._decoder.types -= {sentinel.call}

    def agent(self, processes: Sequence[AgentProcess]) -> None:
        """Take note that these are the agent's processes."""
        self._own.take(processes)
        self.context.agent.take(processes)

    def _set_container(self, key: int, container: Container) -> None:
        if self._reader is not None:
            self._reader.feed.set_container(key, told_of(container))

    @property
    def probe(self) -> Probe:
        """The loaded probe.

        :raises SourceError: this process has not loaded it.
        """
        return self._own_loader.loaded[0]

    @property
    def collection(self) -> Collection:
        """Return what the probe collects.

        :raises SourceError: this process has not loaded it.
        """
        return self._own_loader.loaded[1]

    @property
    def _own_loader(self) -> Loader:
        if self._loader is None:
            raise SourceError("The syscall source is not open.")
        return self._loader

    def left(self) -> int:
        """Make the tables as an earlier reader has left them, unless that is done; return the mark of its position."""
        reader = self._reader
        if reader is None:
            return 0
        if reader.is_successor and not reader.restored:
            self._decoder.passed = self._passed_before = reader.restore(self._decoder.apply)
        return reader.progress.mark

    def mark(self, number: int) -> None:
        """Keep *number* with the next position."""
        if self._reader is not None:
            self._reader.progress.mark = number

    def batches(self) -> Iterator[Batch]:
        """Yield new events, or an empty batch at least twice a second, until the driver is closed.

        :raises HelperEnded: what reads ``/proc`` has ended.
        """
        last = time.monotonic()
        self.left()
        while (reader := self._reader) is not None:
            rings, left = reader.feed.rings, last + IDLE - time.monotonic()
            if self._loader is None and left > 0 and rings.is_empty():
                rings.wait_for_next(PERIOD, left)  # most turns of an idle driver end here
                continue
            self.users.refresh()
            if self._loader is not None:
                self._look(self._loader)
            if self._remote is not None and time.monotonic() >= self._check_at:
                self._check_at = time.monotonic() + IDLE
                self._remote.check()  # who asks it something notices at once
            self._forget(reader)
            was_asked = rings.asked
            records, step = reader.read(self._decoder.passed)
            self.context.boot = boot_time(self.context.boot)  # after the records: so none is from after a step
            now = time.monotonic()
            if records:
                self._received += len(records)
                stored = functools.partial(reader.progress.stored, step)
                events, matched = reader.not_told(records, self._decoder.events(records, step)), None
                if not self._decoder.types.isdisjoint(COSTLY):
                    events = self._unmatched.seen(events)
                if rings.behind:
                    self._unmatched.begin(now)
                    events, matched = self._unmatched.counted(events), self._unmatched.matched
                else:
                    self._unmatched.end()
                yield Batch(events, views=self._config.all_names, stored=stored, again=reader.again, matched=matched)
                self._tell_unmatched(reader, now)
                last = now
            elif now - last >= IDLE:
                last = now
                self._after_loss(now)
                yield Batch(())
            if self._ending is not None and self._ending.is_reached(rings):
                return
            if self._reader is not None and (records or self._loader is not None or not rings.is_empty()):
                rings.wait(SOON if was_asked and records else PERIOD)

    def end(self) -> None:
        """Have :meth:`batches` end behind what waits in the rings now, and count no more losses."""
        if self._reader is not None:
            self._count(self._reader)
            self._ending = Ending(self._reader.feed.rings.produced())

    def _forget(self, reader: Reader) -> None:
        """Forget long texts of processes that have ended, now and then, and have the journal do so."""
        if (now := time.monotonic()) >= self._forget_at:
            self._forget_at = now + FORGET
            if LONGER.forget(self.processes.processes) >= GROWTH:
                reader.progress.renew()

    def _tell_unmatched(self, reader: Reader, now: float) -> None:
        """Have the probe give small budgets to calls that pass filters and match nothing, or occur all the time."""
        for caller in (*self._unmatched.found(now), *self._unmatched.often(now)):
            until = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + own_offset() + int(LASTS * 1e9)
            reader.feed.set_unmatched(caller, until)

    def _look(self, loader: Loader) -> None:
        loader.look()
        if self._plan is not None and loader.outdated():
            loader.update(ask(self._config, self._plan))

    def stats(self) -> SourceStats:
        """Return the counters since :meth:`open`; an event that was sent incomplete does not count as dropped."""
        reader = self._reader
        if reader is not None:
            self._count(reader)
        dropped = {cause: count for cause, count in self._counted.lost.items() if cause not in INCOMPLETE}
        if unread := self._status.unread + (0 if self._ending is None else self._ending.unread):
            dropped["unread"] = unread
        dropped["process_table_full"] = self.processes.dropped
        dropped["cgroup_table_full"] = self.context.containers.dropped
        types = by_type(self._counted.counts)
        types.pop(self._status.expected.call or "", None)
        return SourceStats(
            received=self._received - self._decoder.watch.count,
            passed=self._decoder.passed - self._passed_before,
            dropped=dropped,
            filtered=sum(count.filtered for count in types.values()),
            weakened=self._status.weaker,
            types=types,
            unwanted=unwanted(self._counted.counts),
            fill={} if reader is None else reader.feed.rings.fill(),
            made_room={"accounts": self._accounts.dropped},
            notes=() if reader is None else (self._status.where,),
        )

    def heard(self) -> Heard | None:
        """Return what has arrived of the sentinels; None while there is none."""
        status, reader = self._status, self._reader
        if reader is None or not status.expected.row:
            return None
        row, feed = status.expected.row, reader.feed
        complete, latest = feed.rings.complete, self._latest
        self._latest = None
        counts, lost = latest if latest is not None and row in latest[0] else (feed.counts((row,)), feed.lost())
        return self._decoder.watch.heard(complete, counts[row], lost)

    def measure(self, on: bool) -> None:
        """Switch measuring of the cost of events in the kernel on or off, if this process has loaded the probe."""
        if self._loader is not None:
            self._loader.measure(on)

    def close(self) -> None:
        """Stop reading; unload the probe if this process has loaded it."""
        if self._reader is not None:
            self._count(self._reader)
            self._reader.close()
            self._reader = None
        if self._loader is not None:
            self._loader.close()

    def _hear(self, reader: Reader) -> None:
        if (status := reader.status()) is not self._status:
            self._status = status
            self.context.agent.objects = {kind: frozenset(numbers) for kind, numbers in status.objects.items()}

    def _count(self, reader: Reader) -> None:
        if self._ending is not None:
            return
        self._hear(reader)
        self._expect(self._status.expected)
        self._counted = reader.counters(self._status)
        self._latest = reader.latest

    def _after_loss(self, now: float) -> None:
        """Remove processes whose exit was lost."""
        if self._reader is None:
            return
        before, self._lost = self._lost, self._reader.feed.lost()["proc_ring_full"]
        if self._lost > before and now - self._swept > SWEEP:
            self._swept = now
            self.processes.sweep()
