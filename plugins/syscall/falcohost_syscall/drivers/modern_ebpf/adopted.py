"""A probe that an earlier agent has loaded, and that goes on: its programs are left as they are.

An agent that is started again finds it among what was held (:func:`falcohost.kept.held`). Whatever takes another set of
calls, or other filters, takes another probe, which another loader loads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from falcohost import kept, lasting
from falcohost.digest import blake2b
from falcohost.kept import LoadAgain
from falcohost_syscall.drivers.modern_ebpf.asked import Asked
from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import are_traced
from falcohost_syscall.drivers.modern_ebpf.config import Config
from falcohost_syscall.drivers.modern_ebpf.controlled import MAPS as CONTROL_MAPS
from falcohost_syscall.drivers.modern_ebpf.controlled import PROGRAM, Controlled
from falcohost_syscall.drivers.modern_ebpf.feed import MAPS
from falcohost_syscall.drivers.modern_ebpf.loading import image
from falcohost_syscall.drivers.modern_ebpf.probe import CONTROL, PROGRAMS
from falcohost_syscall.drivers.modern_ebpf.sentinel import NOTHING, Expected
from falcohost_syscall.drivers.modern_ebpf.status import JOURNAL, PROBE, REPORTED, STATUS, Status
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.maps import Maps
from falcohost_syscall.kernel.program_info import misses
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.kernel.ring import Ring
from falcohost_syscall.watched.files import WatchedFiles

_PACKAGE: Final = Path(__file__).parents[2]
#: What a reader has to have in common with the one before: how records are laid out, and what it leaves behind.
_SHARED: Final = ("records/record.py", "drivers/modern_ebpf/rings.py", "drivers/modern_ebpf/takeover")


class Adopted(Controlled):
    """A probe of which only descriptors are left, and what its loader has told.

    :ivar memories: what readers leave for the next one.
    :ivar maps: the maps that a reader needs; *tasks*: the link that lists the running processes.
    :ivar held: what it depends on that the kernel goes on.
    """

    def __init__(self, left: Left, status: Status) -> None:
        self._library = library = Library()
        control = dict(zip((*CONTROL_MAPS, PROGRAM), left.held[CONTROL], strict=True))
        super().__init__(Kernel(library), Maps(library), control)
        *maps, self.tasks = left.kept[PROBE]
        self.maps = dict(zip(MAPS, maps, strict=True))
        self.memories = {name: left.kept[name][0] for name in (REPORTED, JOURNAL)}
        self.held = left.held
        self.by_function = status.by_function
        self.ring_sizes, self.rows, self.told = status.ring_sizes, set(status.rows), status.where
        self._status = status

    def objects(self) -> dict[str, list[int]]:
        """Return the kernel's numbers of the maps, programs and links that were held, by kind."""
        kinds = {"map": ("maps", "links"), "program": (PROGRAMS, CONTROL), "link": ("links",)}
        return {
            kind: sorted({self._access.identity(fd) for name in names for fd in self.held[name]} - {0})
            for kind, names in kinds.items()
        }

    def still_sees(self) -> bool:
        """Return True; calls are seen as before.

        :raises LoadAgain: they are not: the kernel no longer traces functions.
        """
        if self.by_function and not are_traced():
            raise LoadAgain("the kernel does not trace functions any more")
        return True

    def missed(self) -> int:
        """Return how often the kernel skipped one of the programs."""
        return max(self._status.missed, sum(misses(self._library, program) for program in self.held[PROGRAMS]))

    def close(self) -> None:
        """Let go of it."""
        for descriptor in (*self.maps.values(), self.tasks, *chain(*self.held.values())):
            os.close(descriptor)


class AdoptedCollection:
    """What an adopted probe collects, which stays as it is.

    :param outdated: why something else is to be collected; empty if nothing is.
    :ivar weaker: number of groups of event types whose filter was weakened.
    :ivar watched: the files that are watched by inode.
    :ivar expected: the sentinel.
    """

    def __init__(self, watched: WatchedFiles, weaker: int, outdated: str, expected: Expected = NOTHING) -> None:
        self.watched = watched
        self.expected = expected
        self.weaker = weaker
        self._outdated = outdated

    def update(self, asked: Asked) -> NoReturn:
        """Have another loader collect what is *asked* for.

        :raises LoadAgain: always.
        """
        raise LoadAgain("the rules ask for something else")

    def measure(self, on: bool) -> None:
        """Have another loader measure.

        :raises LoadAgain: *on* is true.
        """
        if on:
            raise LoadAgain("what events cost is to be measured")

    def check(self) -> None:
        """Check that what is collected is what is to be collected.

        :raises LoadAgain: it is not.
        """
        if self._outdated:
            raise LoadAgain(self._outdated)


class Left(NamedTuple):
    """What an earlier agent has left: what a reader needs, and what was held."""

    kept: Mapping[str, Sequence[int]]
    held: Mapping[str, Sequence[int]]

    def unread(self, status: Status) -> int:
        """Return how many records of calls nobody will read."""
        ring = Ring(self.kept[PROBE][0], status.ring_sizes[0])
        try:
            return len(ring.drain(limit=1 << 30))
        finally:
            ring.close()

    def close(self) -> None:
        """Let go of it."""
        for descriptor in chain(*self.kept.values(), *self.held.values()):
            os.close(descriptor)


def left() -> Left | None:
    """Return what an earlier agent has left; None if it is not all there."""
    found = Left(
        {name: kept.inherited(name) for name in (PROBE, STATUS, REPORTED, JOURNAL)},
        {name: kept.held(name) for name in (CONTROL, "maps", "links", PROGRAMS)},
    )
    if not all(found.kept.values()) or len(found.held[CONTROL]) != len(CONTROL_MAPS) + 1:
        found.close()
        return None
    return found


def layout() -> str:
    """Return a digest of what the next reader has to have in common with the one before."""
    digest = blake2b(image() + Path(lasting.__file__).read_bytes())
    for path in _SHARED:
        folder = _PACKAGE / path
        for file in sorted(folder.glob("*.py")) if folder.is_dir() else [folder]:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def purpose(config: Config, asked: bytes) -> str:
    """Return a digest of what decides what is collected: settings, what the rules ask for, and this plugin's code."""
    digest = blake2b(repr(replace(config, agent_pid=None)).encode() + asked)
    for file in sorted(_PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
