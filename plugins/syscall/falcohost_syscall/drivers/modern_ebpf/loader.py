"""Loads and configures the probe, in a process of its own if the agent runs the source.

It needs all rights that loading takes and reads nothing that the probe collects: that is the task of the worker, which
gets the descriptors (:mod:`falcohost.kept`) and may end at any time without an event being lost.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence, Set
from itertools import chain
from pathlib import Path
from socket import socket
from typing import Any, Final, NamedTuple

import msgspec

from falcohost import PreparedCache, kept, lasting
from falcohost.agent import AgentProcess
from falcohost.kept import LoadAgain
from falcohost.needs import PROBE as NEEDS_PROBE
from falcohost.needs import THREADS, WATCH, Needs
from falcohost_syscall.calls.rows import BY_NAME, EXEC, EXIT
from falcohost_syscall.drivers import told
from falcohost_syscall.drivers.modern_ebpf import ahead, config
from falcohost_syscall.drivers.modern_ebpf.adopted import Adopted, AdoptedCollection, code, layout, left, purpose
from falcohost_syscall.drivers.modern_ebpf.asked import Compiled, alone, compiled, read, takes
from falcohost_syscall.drivers.modern_ebpf.collection import Collection
from falcohost_syscall.drivers.modern_ebpf.controlled import WATCHED
from falcohost_syscall.drivers.modern_ebpf.expectations import EXPECTED, Expectations, Noted, make
from falcohost_syscall.drivers.modern_ebpf.feed import MAPS
from falcohost_syscall.drivers.modern_ebpf.ignored import Ignored
from falcohost_syscall.drivers.modern_ebpf.integrity import Integrity
from falcohost_syscall.drivers.modern_ebpf.loading import Prepared, image, prepare
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.probe import PROGRAMS, Probe
from falcohost_syscall.drivers.modern_ebpf.requirements import check
from falcohost_syscall.drivers.modern_ebpf.sentinel import NOTHING, Expected
from falcohost_syscall.drivers.modern_ebpf.status import JOURNAL, PROBE, REPORTED, STATUS, Status
from falcohost_syscall.drivers.modern_ebpf.takeover import journal
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.processes.users import Stamp, stamps
from falcohost_syscall.watched.files import WatchedFiles

# Where accounts, types of the kernel and its settings are; of the files that rules name, only the inode is looked at.
_READ: Final = (Path("/etc"), Path("/sys"), Path("/proc"))

#: The source whose worker reads the probe.
SOURCE: Final = "syscall"
#: Seconds between two looks at what may change by itself.
LOOKS: Final = 0.5
#: The same while something waits for the reader, and the reader for that.
SOON: Final = 0.02
#: Seconds after which filters are loaded that wait for the reader, whether it is there or not.
MOST_WAIT: Final = 5.0
#: Seconds of a look that go into filters that were not there when the agent was ready.
SLICE: Final = 0.05
_log = logging.getLogger("falcohost")


class How(NamedTuple):
    """How the probe is loaded."""

    settings: LoadSettings
    options: Options
    by_function: bool

    def encoded(self) -> bytes:
        """Return it as bytes, which are equal for probes that are."""
        return msgspec.msgpack.encode(self)


def how(found: config.Config) -> How:
    """Return how the probe is loaded with these settings."""
    rows = BY_NAME[EXEC].call, BY_NAME[EXIT].call
    return How(
        LoadSettings(*rows, found.ring_size, found.process_ring_size, snaplen=found.snaplen, btf=found.btf),
        Options(all_processes=not found.process_context, requested=not found.all_names),
        found.attach != "tracepoint",
    )


class Loader:
    """The probe, loaded as the rules ask for it.

    :param sentinel: it sends the sentinels of the agent, too.
    :param alone: it has a process of its own, which has no threads before :meth:`look`.
    """

    def __init__(self, settings: Mapping[str, Any], *, sentinel: bool = False, alone: bool = False) -> None:
        self._alone = alone
        self._config = config.parse(settings)
        self._sentinel = sentinel
        self._asked = b""
        self._accounts: list[Stamp] | None = None
        self._looked = self._opened = 0.0
        self._tells = False
        self._memories = {
            STATUS: lasting.make("falcohost status", told.HALF),
            REPORTED: lasting.make("falcohost reported", told.HALF),
            JOURNAL: lasting.make("falcohost journal", journal.HALF),
        }
        self._told = told.Told(lasting.Memory(self._memories[STATUS]), Status)
        lasting.keep_to_oneself(self._memories[STATUS])
        self._layout, self._purpose, self._unread = layout(), "", 0
        self._objects: dict[str, list[int]] = {}
        self._integrity: Integrity | None = None
        self._ignored: Ignored | None = None
        self._expected = make()
        self._noted = Noted(self._expected)
        self._noted_version = -1
        self._prepared: Prepared | None = None
        self.probe: Probe | Adopted
        self.collection: Collection | AdoptedCollection

    def prepare_ahead(self, link: socket, asked: Callable[[float | None], bytes | None], cache: PreparedCache) -> None:
        """Load the probe, as far as the rules take it, and send it over *link*.

        :param asked: returns what the rules ask for; None if that is not known so many seconds later.
        :raises SourceError: the machine lacks something that the probe needs, or refuses it.
        :raises OSError: nobody takes it.
        """
        from falcohost_syscall.kernel.kept_programs import KeptPrograms  # of no use to the processes that go on

        check(self._config.btf)
        library, wanted = Library(), how(self._config)

        def known(wait: float | None) -> Set[str] | None:
            return None if (found := asked(wait)) is None else takes(found)

        kept = KeptPrograms(library, image(), cache)
        prepared = prepare(
            library,
            Kernel(library),
            wanted.settings,
            wanted.options,
            by_function=wanted.by_function,
            takes=known,
            kept=kept,
        )
        ahead.send(link, prepared, wanted.encoded())
        kept.keep(prepared.probe)

    def take_prepared(self, link: socket) -> None:
        """Receive what another process has loaded.

        :raises OSError: it has ended before.
        """
        code()  # while the other process is at work
        self._prepared = ahead.received(link, how(self._config).encoded())

    def open(self, asked: bytes) -> None:
        """Take over the probe of an earlier agent, or load one that collects what is *asked* for (:func:`.asked.ask`).

        :raises SourceError: the machine lacks something that the probe needs, or refuses it.
        """
        if not self._adopt(asked):
            self._load(asked)

    def _adopt(self, asked: bytes) -> bool:
        """Take over the probe of an earlier agent; return False if there is none, or none of this version."""
        found = left()
        if found is None:
            return False
        former = told.Told(lasting.Memory(found.kept[STATUS][0], writable=False), Status).heard()
        has = found.expected()
        if former is None or has is None or former.layout != self._layout:
            self._unread = 0 if former is None else found.unread(former)
            _log.warning(
                "The probe that an earlier agent has left is of another version, and is loaded anew: %d events that it "
                "has collected cannot be read, and what happens in between is not seen.",
                self._unread,
            )
            found.close()
            return False
        asked = alone(asked)
        known, self._purpose = read(asked), former.purpose
        self._asked, self._accounts = asked, known.accounts
        wanted = purpose(self._config, asked)
        self.probe = probe = Adopted(found, former, has)
        for descriptor in (*found.kept[STATUS], *found.held[EXPECTED]):
            os.close(descriptor)
        for name, descriptor in probe.memories.items():
            os.close(self._memories[name])
            self._memories[name] = descriptor
        outdated = "" if wanted == former.purpose else "rules, settings or falcohost itself have changed"
        outdated = "it had not all filters yet" if not former.purpose else outdated
        outdated = outdated or ("it was not collecting all yet" if former.waits else "")
        expected = self._own_sentinel(probe, former.expected)
        if former.expected.row and not expected.row:
            outdated = outdated or "its sentinel events are those of another supervisor"
        self.collection = AdoptedCollection(WatchedFiles(probe), former.weaker, outdated, expected)
        self._objects = probe.objects()
        for pid in probe.ignored():
            probe.observe(pid)
        self._ignore()  # before this process opens the files that rules are about
        self.collection.watched.watch(map(os.fsdecode, known.watched))
        self._integrity = Integrity(probe, probe.canaries)
        self._tell()
        _log.info("The probe of an earlier agent goes on.")
        return True

    def _own_sentinel(self, probe: Adopted, former: Expected) -> Expected:
        """Have *probe* let the sentinels of this agent's supervisor pass, where *former* has those of another one.

        Return what the reader is to expect: nothing if the filter cannot be replaced, since it is that of copies.
        """
        pid = self._config.agent_pid
        if not former.row or pid is None or former.pid == pid:
            return former
        if probe.has_copies:
            return NOTHING
        own = Expected(former.row, pid)
        probe.set_sentinel(own)
        return own

    def _ignore(self) -> None:
        self._ignored = Ignored(self.probe, [pid for pid in (os.getpid(), self._config.agent_pid) if pid])

    def _load(self, asked: bytes) -> None:
        found, wanted = self._config, how(self._config)
        prepared, self._prepared = self._prepared, None
        self.probe = probe = Probe(
            wanted.settings, wanted.options, by_function=wanted.by_function, prepared=prepared, parts=takes(asked)
        )
        try:
            agent = found.agent_pid if self._sentinel else None
            self.collection = Collection(found, probe, wanted.options, WatchedFiles(probe), agent)
            self._say_why_not(probe, logging.WARNING if found.attach == "function" else logging.DEBUG)
            self._ignore()
            self.collection.apart, self.collection.compiled = self._alone, lambda: compiled(asked)
            self.update(asked)
            self.collection.apart, self.collection.compiled = False, Compiled
            self._opened = time.monotonic()
            self._integrity = Integrity(probe)
        except BaseException:
            probe.close()
            raise

    @property
    def loaded(self) -> tuple[Probe, Collection]:
        """The probe that this process has loaded, and what it collects."""
        assert isinstance(self.probe, Probe) and isinstance(self.collection, Collection)
        return self.probe, self.collection

    @property
    def needs(self) -> Needs:
        """Return that it loads filters when rules change, and looks for the files that rules name."""
        return Needs(frozenset({NEEDS_PROBE, THREADS, WATCH}), _READ)

    @property
    def descriptors(self) -> Mapping[str, tuple[int, ...]]:
        """The descriptors that a reader needs, by name."""
        maps = self.probe.maps
        memories = {name: (descriptor,) for name, descriptor in self._memories.items()}
        return {PROBE: (*(maps[name] for name in MAPS), *self.probe.tasks), **memories}

    def hand_up(self) -> None:
        """Have the supervisor keep the descriptors, and those on which it depends that the kernel goes on."""
        for name, descriptors in self.descriptors.items():
            kept.keep(name, descriptors)
        self._hold()
        self._tell()

    def _hold(self) -> None:
        held = within(self.probe.held, 1 + sum(map(len, self.descriptors.values())), kept.room())
        kept.hold(PROGRAMS, ())  # which makes room for more of the others
        for name, descriptors in held.items():
            kept.hold(name, descriptors)
        kept.hold(EXPECTED, (self._expected,))
        self._objects = self.probe.objects()

    def update(self, asked: bytes) -> None:
        """Collect what is *asked* for from now on; calls that were asked for before are not interrupted."""
        asked = alone(asked)
        wanted = purpose(self._config, asked)
        self._take_in(asked)
        self._asked, self._accounts = asked, read(asked).accounts
        if wanted != self._purpose:
            self._collect()
            self._purpose = wanted
            self._tell()

    def _take_in(self, asked: bytes) -> None:
        """Have all parts of the probe loaded that it takes to collect what is *asked* for.

        :raises LoadAgain: another loader has to load them: this one is confined, and may not do what libbpf does.
        """
        if not isinstance(self.probe, Probe) or not (missing := self.probe.lacks(takes(asked))):
            return
        if self._alone and self._integrity is not None:
            raise LoadAgain(f"the rules take more of the probe: {', '.join(sorted(missing))}")
        self.probe.take_in(missing)

    def _collect(self) -> None:
        self.collection.update(read(self._asked))  # decoded it would take half a megabyte
        self._hold()
        self._tell()

    def measure(self, on: bool) -> None:
        """Switch measuring of the cost of events in the kernel on or off."""
        self.collection.measure(on)

    def agent(self, processes: Sequence[AgentProcess]) -> None:
        """Take note that these are the agent's processes: the one that reads the probe is left out from now on."""
        readers = {
            one.pid: one.since for one in processes if (one.role, one.source, one.ended) == ("worker", SOURCE, False)
        }
        if self._ignored is not None:
            self._ignored.replace(readers)

    def look(self) -> Sequence[str]:
        """Adapt to what has changed by itself: watched files, and whether functions still show calls.

        Return what somebody has changed who should not.

        :raises LoadAgain: another loader has to adapt.
        """
        self.collection.watched.start()
        if isinstance(self.collection, AdoptedCollection):
            self.collection.check()
        if self._waits and self._has_listed():
            self.go_on()
        self._load_later()
        now = time.monotonic()
        if now - self._looked < LOOKS:
            return ()
        self._looked = now
        self._tells = not self._tells
        if not self.probe.still_sees() and isinstance(self.probe, Probe):
            self._say_why_not(self.probe)
            self._collect()
        if self._tells:  # every other time: a reader reports once a second
            self._tell()
        checks = (one.check() for one in (self._ignored, self._integrity) if one is not None)
        return [*chain.from_iterable(checks)]

    def _load_later(self) -> None:
        """Spend a moment on the filters that are not there yet, when the reader is."""
        if not self._lacks_filters or not (self._has_listed() or time.monotonic() > self._opened + MOST_WAIT):
            return
        _, collection = self.loaded
        collection.go_on(SLICE, lambda: read(self._asked))
        if not collection.waits:
            self._hold()
            self._tell()
            _log.info("All filters are loaded, %.1f s after the first.", time.monotonic() - self._opened)

    @property
    def _lacks_filters(self) -> bool:
        return isinstance(self.collection, Collection) and self.collection.waits

    def outdated(self) -> bool:
        """Return whether accounts have changed on which it depends what the rules ask for."""
        return self._accounts is not None and self._accounts != stamps()

    def status(self) -> Status:
        """Return what a reader wants to know."""
        probe = self.probe
        weaker, where = self.collection.weaker, probe.told
        return Status(
            probe.ring_sizes,
            sorted(probe.rows),
            weaker,
            where,
            probe.missed(),
            probe.by_function,
            self._layout,
            "" if self._lacks_filters else self._purpose,
            self._unread,
            self.collection.expected,
            self._objects,
            self._waits,
        )

    @property
    def _waits(self) -> bool:
        return isinstance(self.probe, Probe) and self.probe.waits

    @property
    def pause(self) -> float:
        """Return the seconds between two looks."""
        if self._lacks_filters:
            return 0 if self._has_listed() else SOON
        return SOON if self._waits else LOOKS

    def go_on(self) -> None:
        """Collect what waits until the reader has listed the running processes, and the kernel knows them."""
        if isinstance(self.probe, Probe) and self.probe.waits:
            self.probe.go_on()
            self._hold()
            self._tell()

    def _has_listed(self) -> bool:
        memory = lasting.Memory(self._memories[JOURNAL], writable=False)
        try:
            return memory.size > 0
        finally:
            memory.close()

    def close(self) -> None:
        """Unload the probe."""
        for one in (self._ignored, self._integrity):
            if one is not None:
                one.close()
        if isinstance(self.collection, Collection):
            self.collection.close()
        self.collection.watched.close()
        self.probe.close()

    def _tell(self) -> None:
        self._told.say(self.status())
        if self._integrity is not None and (version := self.probe.ledger.version) != self._noted_version:
            self._noted.note(self._expectations(self._integrity.canaries))
            self._noted_version = version

    def _expectations(self, canaries: Mapping[str, bytes]) -> Expectations:
        """Return what the next loader finds in the kernel; the watched files it sets anew."""
        probe = self.probe
        entries = {number: one for number, one in probe.ledger.entries().items() if one.name != WATCHED}
        return Expectations([*probe.object.map_fds()], entries, dict(canaries), sorted(probe.asked))

    def _say_why_not(self, probe: Probe, level: int = logging.WARNING) -> None:
        if reason := probe.attachment.why_not:
            _log.log(level, "System calls are observed at the tracepoint, not at their functions: %s.", reason)


def within(held: Mapping[str, Sequence[int]], others: int, room: int) -> dict[str, Sequence[int]]:
    """Return what can be *held* beside so many *others* where there is *room* for so many.

    The programs that the kernel may skip are left out as far as there is no room: what holds their links holds them,
    and a later loader only asks them how often that was.
    """
    rest = others + sum(len(those) for name, those in held.items() if name != PROGRAMS)
    return {name: those[: max(0, room - rest)] if name == PROGRAMS else those for name, those in held.items()}
