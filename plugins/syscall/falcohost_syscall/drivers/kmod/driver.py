"""The driver ``kmod``: observes the system calls of this machine with Falco's kernel module.

The module tells of every call of the kinds that rules ask for. Threads, processes and descriptors are kept here, from
``/proc`` at the start and from then on by what calls change.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from falcohost import Batch, Plan, SourceError, SourceStats, kept
from falcohost.lasting import Memory
from falcohost.needs import Needs
from falcohost_syscall.drivers.asked_for import chosen
from falcohost_syscall.drivers.ending import Ending
from falcohost_syscall.drivers.kmod.asked import ask, parsed
from falcohost_syscall.drivers.kmod.interface import EVENTS, FULL, SWITCHES
from falcohost_syscall.drivers.kmod.loader import Loader
from falcohost_syscall.drivers.kmod.rings import Position, RawEvent, Rings
from falcohost_syscall.drivers.kmod.status import DEVICES, REPORTED, STATUS, Reported, Status
from falcohost_syscall.drivers.tabled import IDLE, TabledDriver
from falcohost_syscall.drivers.told import Told
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.scap.event_types import MOST
from falcohost_syscall.scap.reader import TooShortError

#: With this share of a ring read and not stored, its space is given back all the same: the module needs the room.
_MOST_HELD: Final = 0.25
#: The module's counters that count no loss.
_NO_LOSS: Final = (EVENTS, SWITCHES)


class KernelModule(TabledDriver):
    """The driver (:class:`~falcohost_syscall.drivers.driver.Driver`)."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._config = parsed(settings)
        super().__init__(settings, self._config.base, self._config.agent_pid)
        self._loader: Loader | None = None
        self._rings: Rings | None = None
        self._status: Status | None = None
        self._reported: Told[Reported] | None = None
        self._before: Mapping[str, int] = {}
        self._again: Position = ()
        self._received = self._short = 0
        self._ending: Ending[Position] | None = None
        self._lost: Mapping[str, int] = {}

    @property
    def needs(self) -> Needs:
        """Return what its loader needs besides, if that is in this process."""
        return super().needs if self._loader is None else super().needs | self._loader.needs

    def open(self, plan: Plan) -> None:
        """Read the rings that another process has opened, or open them; then list the processes that run.

        :raises SourceError: the module is missing, or cannot be used; the text says what to do.
        """
        descriptors: Mapping[str, Sequence[int]] = {name: kept.inherited(name) for name in (DEVICES, STATUS, REPORTED)}
        is_successor = all(descriptors.values())
        if not is_successor:
            self._loader = Loader(self._settings)
            self._loader.open(ask(self._config, plan))
            descriptors = self._loader.descriptors
        self._read(descriptors)
        if is_successor:  # with them, the rings could be mapped for writing
            for descriptor in descriptors[DEVICES]:
                os.close(descriptor)
        self._take(plan, chosen(self._config.base, plan))
        self._list()

    def _read(self, descriptors: Mapping[str, Sequence[int]]) -> None:
        """Begin to read the rings with these *descriptors*."""
        status = Told(Memory(descriptors[STATUS][0], writable=False), Status).heard()
        if status is None or len(status.cpus) != len(descriptors[DEVICES]):
            raise SourceError("The loader has not said which rings it has opened.")
        self._status = status
        memory = Memory(descriptors[REPORTED][0])
        self._reported = Told(memory, Reported)
        self._before = (self._reported.heard() or Reported()).counts
        by_cpu = dict(zip(status.cpus, descriptors[DEVICES], strict=True))
        self._rings = Rings.of(by_cpu, status.size, status.api, memory)
        self._again = self._rings.waiting

    def update(self, plan: Plan) -> None:
        """Pass on what *plan* asks for from now on; calls that both plans ask for are not interrupted."""
        if self._loader is not None:
            self._loader.update(ask(self._config, plan))
        self._take(plan, chosen(self._config.base, plan))

    def batches(self) -> Iterator[Batch]:
        """Yield new events, or an empty batch at least twice a second, until the driver is closed.

        :raises HelperEnded: what reads ``/proc`` has ended.
        """
        last = time.monotonic()
        while (rings := self._rings) is not None:
            self._refresh()
            if self._loader is not None:
                self._loader.look()
            if rings.held > _MOST_HELD:
                self._stored(rings.position)
            again = not rings.have_read(self._again)
            found = rings.events()
            now = time.monotonic()
            self._look_up(rings, rings.counts()[FULL], now)
            if found:
                self._received += len(found)
                yield Batch(self._events(found), stored=functools.partial(self._stored, rings.position), again=again)
                last = now
            elif now - last >= IDLE:
                last = now
                yield Batch(())
            if self._ending is not None and self._ending.is_reached(rings):
                return
            self._rest(rings)

    def end(self) -> None:
        """Have :meth:`batches` end behind what waits in the rings now, and count no more losses."""
        if self._rings is not None:
            self.stats()
            self._ending = Ending(self._rings.waiting)

    def _stored(self, position: Position) -> None:
        """Give back the space of what was read up to *position*."""
        if self._rings is not None:
            self._rings.release(position)
        if self._loader is not None:
            self._loader.move()

    def _events(self, found: Sequence[RawEvent]) -> Iterator[SyscallEvent]:
        """Yield those that rules ask for; each is yielded while the tables are as of this event."""
        applying, begin = self._applying, self._applying.calls.begin
        uses = applying.uses
        for ts, cpu, tid, code, data, start, end, count in found:
            if code >= MOST:
                continue
            use = uses[code]
            if use.counts:
                applying.number += 1
            if use.is_begin:
                begin(tid, code, data[start:end], count)
                continue
            if not use.is_read:
                continue
            try:
                event = applying.read(use, data, (start, end, count), code, ts, tid, cpu)
            except TooShortError:
                self._short += 1
                continue
            if event is not None and self._told(event):
                yield event
            uses = applying.uses

    def stats(self) -> SourceStats:
        """Return the counters since :meth:`open`."""
        rings, status = self._rings, self._status
        if rings is not None and self._reported is not None and self._ending is None:
            counts = rings.counts()
            self._reported.say(Reported(counts))
            self._lost = {name: count - self._before.get(name, 0) for name, count in counts.items()}
        dropped = {name: count for name, count in self._lost.items() if count and name not in _NO_LOSS}
        known = sum(count for name, count in dropped.items() if name.startswith("buffer_"))
        dropped[FULL] = max(dropped.get(FULL, 0) - known, 0)
        dropped["unread"] = 0 if self._ending is None else self._ending.unread
        dropped["damaged"] = self._short + (0 if rings is None else rings.corrupt)
        dropped["process_table_full"] = self.tables.processes.dropped
        return SourceStats(
            received=self._received,
            passed=self._applying.passed,
            dropped=dropped,
            fill={} if rings is None else rings.fill(),
            notes=() if status is None else (status.where,),
        )

    def close(self) -> None:
        """Stop reading; the module stops collecting if this process has opened its devices."""
        if self._rings is not None:
            self.stats()
            self._rings.close()
            self._rings = None
        if self._reported is not None:
            self._reported.close()
            self._reported = None
        self._addresses.close()
        if self._loader is not None:
            self._loader.close()
