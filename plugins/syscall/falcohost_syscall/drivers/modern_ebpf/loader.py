"""Loads and configures the probe, in a process of its own if the agent runs the source.

It needs all rights that loading takes and reads nothing that the probe collects: that is the task of the worker, which
gets the descriptors (:mod:`falcohost.kept`) and may end at any time without an event being lost.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from falcohost import kept
from falcohost.agent import AgentProcess
from falcohost.needs import PROBE as NEEDS_PROBE
from falcohost.needs import THREADS, Needs
from falcohost_syscall.calls.rows import BY_NAME, EXEC, EXIT
from falcohost_syscall.drivers.modern_ebpf import config
from falcohost_syscall.drivers.modern_ebpf.asked import Asked, read
from falcohost_syscall.drivers.modern_ebpf.collection import Collection
from falcohost_syscall.drivers.modern_ebpf.feed import MAPS
from falcohost_syscall.drivers.modern_ebpf.ignored import Ignored
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.drivers.modern_ebpf.takeover import journal, memory, told
from falcohost_syscall.processes.users import stamps
from falcohost_syscall.watched.files import WatchedFiles

# Where accounts, types of the kernel and its settings are; of the files that rules name, only the inode is looked at.
_READ: Final = (Path("/etc"), Path("/sys"), Path("/proc"))

#: The source whose worker reads the probe.
SOURCE: Final = "syscall"
#: Seconds between two looks at what may change by itself.
LOOKS: Final = 0.5
#: The names under which descriptors are kept; behind these maps is the link that lists processes.
PROBE: Final = "probe"
STATUS, REPORTED, JOURNAL = "status", "reported", "journal"

_log = logging.getLogger("falcohost")


class Status(msgspec.Struct, frozen=True):
    """What a reader wants to know of the loader.

    :ivar rows: the rows of calls that were ever collected.
    :ivar weaker: number of groups of event types whose filter was weakened.
    :ivar where: where calls are observed, in words.
    :ivar missed: how often the kernel skipped one of the programs.
    """

    ring_size: Annotated[int, msgspec.Meta(ge=0, le=1 << 32)] = 0
    rows: list[int] = []
    weaker: int = 0
    where: str = ""
    missed: int = 0


class Loader:
    """The probe, loaded as the rules ask for it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._config = config.parse(settings)
        self._asked: Asked
        self._looked = 0.0
        self._memories = {
            STATUS: memory.make("falcohost status", told.HALF),
            REPORTED: memory.make("falcohost reported", told.HALF),
            JOURNAL: memory.make("falcohost journal", journal.HALF),
        }
        self._told = told.Told(memory.Memory(self._memories[STATUS]), Status)
        memory.keep_to_oneself(self._memories[STATUS])
        self.probe: Probe
        self.collection: Collection

    def open(self, asked: bytes) -> None:
        """Load the probe and collect what is *asked* for (:func:`.asked.ask`).

        :raises SourceError: the machine lacks something that the probe needs, or refuses it.
        """
        found = self._config
        options = Options(all_processes=not found.process_context, requested=not found.all_names)
        rows = (BY_NAME[EXEC].call, BY_NAME[EXIT].call)
        settings = LoadSettings(*rows, ring_size=found.ring_size, snaplen=found.snaplen)
        self.probe = probe = Probe(settings, options, by_function=found.attach != "tracepoint")
        try:
            self.collection = Collection(found, probe, options, WatchedFiles(probe))
            self._say_why_not(logging.WARNING if found.attach == "function" else logging.DEBUG)
            self._ignored = Ignored(probe, [pid for pid in (os.getpid(), found.agent_pid) if pid])
            self.update(asked)
        except BaseException:
            probe.close()
            raise

    @property
    def needs(self) -> Needs:
        """Return that it loads filters when rules change, and looks for the files that rules name."""
        return Needs(frozenset({NEEDS_PROBE, THREADS}), _READ)

    @property
    def descriptors(self) -> Mapping[str, tuple[int, ...]]:
        """The descriptors that a reader needs, by name."""
        maps = self.probe.maps
        memories = {name: (descriptor,) for name, descriptor in self._memories.items()}
        return {PROBE: (*(maps[name] for name in MAPS), self.probe.tasks), **memories}

    def hand_up(self) -> None:
        """Have the supervisor keep the descriptors, and those on which it depends that the kernel goes on."""
        for name, descriptors in self.descriptors.items():
            kept.keep(name, descriptors)
        kept.hold(self.probe.held)

    def update(self, asked: bytes) -> None:
        """Collect what is *asked* for from now on; calls that were asked for before are not interrupted."""
        self._asked = read(asked)
        self._collect()

    def _collect(self) -> None:
        self.collection.update(self._asked)
        self._tell()

    def measure(self, on: bool) -> None:
        """Switch measuring of the cost of events in the kernel on or off."""
        self.collection.measure(on)

    def agent(self, processes: Sequence[AgentProcess]) -> None:
        """Take note that these are the agent's processes: the one that reads the probe is left out from now on."""
        readers = {one.pid: one.since for one in processes if (one.role, one.source) == ("worker", SOURCE)}
        self._ignored.replace(readers)

    def look(self) -> Sequence[str]:
        """Adapt to what has changed by itself: watched files, and whether functions still show calls.

        Return what somebody has changed who should not.
        """
        self.collection.watched.start()
        now = time.monotonic()
        if now - self._looked < LOOKS:
            return ()
        self._looked = now
        if not self.probe.still_sees():
            self._say_why_not()
            self._collect()
        self._tell()
        return [*self._ignored.check()]

    def outdated(self) -> bool:
        """Return whether accounts have changed on which it depends what the rules ask for."""
        return self._asked.accounts is not None and self._asked.accounts != stamps()

    def status(self) -> Status:
        """Return what a reader wants to know."""
        probe = self.probe
        weaker, where = self.collection.weaker, probe.told
        return Status(probe.ring_size, sorted(probe.rows), weaker, where, probe.missed())

    def close(self) -> None:
        """Unload the probe."""
        self.collection.watched.close()
        self.probe.close()

    def _tell(self) -> None:
        self._told.say(self.status())

    def _say_why_not(self, level: int = logging.WARNING) -> None:
        if reason := self.probe.attachment.why_not:
            _log.log(level, "System calls are observed at the tracepoint, not at their functions: %s.", reason)
