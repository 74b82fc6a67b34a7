"""Loads Falco's kernel module and opens its devices, in a process of its own if the agent runs the source.

It needs root's rights for that, and reads nothing that the module collects: that is the task of the worker, which gets
the descriptors (:mod:`falcohost.kept`). The rings outlive the worker, the loader and, where the service manager keeps
descriptors, the agent.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from falcohost import SourceError, kept, lasting
from falcohost.kept import MOST_KEPT, LoadAgain
from falcohost.needs import MODULE, Needs
from falcohost_syscall.drivers import told
from falcohost_syscall.drivers.kmod import module
from falcohost_syscall.drivers.kmod.asked import Asked, parsed, read
from falcohost_syscall.drivers.kmod.devices import Devices
from falcohost_syscall.drivers.kmod.status import DEVICES, REPORTED, STATUS, Status
from falcohost_syscall.drivers.kmod.tails import PAUSE, Tails
from falcohost_syscall.drivers.processors import processors

#: Seconds between two looks at the processors.
LOOKS: Final = 0.5
_NOT_WRITTEN: Final = "the worker says that it has read what the kernel module has not written; its rings stay full"
#: Descriptors besides those of the devices.
_OTHERS: Final = 3
#: The name of what is held for the loader of an agent that is started anew in place: without that there would be none,
#: and nobody would move the tails.
_LOADER: Final = "loader"
_log = logging.getLogger("falcohost")


class Loader:
    """The module, which collects what the rules ask for.

    :ivar pause: seconds between two calls of :meth:`look`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._config = parsed(settings)
        self._asked: Asked | None = None
        self._memories: dict[str, int] = {}
        self._status: Status | None = None
        self.pause = PAUSE
        self.devices: Devices
        self._tails: Tails
        self._reached: lasting.Memory
        self._looked = 0.0

    def open(self, asked: bytes) -> None:
        """Go on with the rings of an earlier agent, or open the devices; collect what is *asked* for.

        :raises SourceError: the module is missing, or cannot be used; the text says what to do.
        """
        adopted = self._adopted()
        self.devices, self._status = adopted or self._opened()
        if not self._memories:
            self._memories = {name: lasting.make(f"falcohost {name}", told.HALF) for name in (STATUS, REPORTED)}
            memory = lasting.Memory(self._memories[STATUS])
            told.Told(memory, Status).say(self._status)
            memory.close()
        for descriptor in kept.held(_LOADER):
            os.close(descriptor)
        self._tails = Tails.of(self.devices.by_cpu, self._status.size)
        self._reached = lasting.Memory(self._memories[REPORTED])
        if adopted is not None:
            self.devices.forget(read(asked))
        self._collect(read(asked))

    def _opened(self) -> tuple[Devices, Status]:
        name, size = module.load(), self._config.ring_size
        online = processors("online")
        if len(online) + _OTHERS > MOST_KEPT:
            raise SourceError(f"engine.kind: kmod is for at most {MOST_KEPT - _OTHERS} processors; use modern_ebpf.")
        devices = Devices.open(name, size)
        where = f"system calls are observed by Falco's kernel module {name}, API {devices.api}, schema {devices.schema}"
        _log.info("%s", where[0].upper() + where[1:])
        return devices, Status(name, devices.api.major, [*devices.by_cpu], size, where)

    def _adopted(self) -> tuple[Devices, Status] | None:
        """Return the devices of an earlier agent, if they are those of the processors that are online."""
        found, memories = kept.inherited(DEVICES), [kept.inherited(name) for name in (STATUS, REPORTED)]
        every = [*found, *(one for pair in memories for one in pair)]
        status = None
        if found and all(memories):
            memory = lasting.Memory(memories[0][0], writable=False)
            status = told.Told(memory, Status).heard()
            memory.close()
        if status is not None and len(found) == len(status.cpus) and status.size == self._config.ring_size:
            try:
                devices = Devices(status.name, dict(zip(status.cpus, found, strict=True)))
            except SourceError:
                devices = None
            if devices is not None and processors("online") == status.cpus:
                self._memories = {STATUS: memories[0][0], REPORTED: memories[1][0]}
                _log.info("The rings of an earlier agent are read on.")
                return devices, status
        for descriptor in every:
            os.close(descriptor)
        return None

    def _collect(self, asked: Asked) -> None:
        self.devices.collect(asked, self._asked)
        self._asked = asked

    @property
    def needs(self) -> Needs:
        """Return that it tells the module what to collect, and looks which processors are online."""
        return Needs(frozenset({MODULE}), (Path("/sys/devices/system/cpu"),))

    @property
    def descriptors(self) -> Mapping[str, Sequence[int]]:
        """The descriptors that a reader needs, by name."""
        return {DEVICES: tuple(self.devices.by_cpu.values()), **{key: (fd,) for key, fd in self._memories.items()}}

    def hand_up(self) -> None:
        """Have the supervisor keep the descriptors."""
        for name, descriptors in self.descriptors.items():
            kept.keep(name, descriptors)
        kept.hold(_LOADER, (self._memories[STATUS],))

    def update(self, asked: bytes) -> None:
        """Collect what is *asked* for from now on; calls that were asked for before are not interrupted."""
        self._collect(read(asked))

    def measure(self, on: bool) -> None:
        """Do nothing: the module does not measure what events cost."""

    def look(self) -> Sequence[str]:
        """Give the space back that the reader has read; return whether it says that it came where nothing is.

        :raises LoadAgain: a processor has come that has no ring.
        """
        found = () if self.move() else (_NOT_WRITTEN,)
        now = time.monotonic()
        if now - self._looked < LOOKS:
            return found
        self._looked = now
        assert self._status is not None
        if not set(processors("online")) <= set(self._status.cpus):
            raise LoadAgain("a processor came online, for which the kernel module has no ring yet")
        return found

    def move(self) -> bool:
        """Give the space back that the reader has read; return False if it says what cannot be."""
        return self._tails.move(self._reached)

    def outdated(self) -> bool:
        """Return False: what is collected does not depend on accounts."""
        return False

    def close(self) -> None:
        """Let go of the devices."""
        self._tails.close()
        self._reached.close()
        self.devices.close()
        for descriptor in self._memories.values():
            os.close(descriptor)
