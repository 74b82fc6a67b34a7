"""A probe that an earlier agent has loaded, and that goes on: its programs are left as they are.

An agent that is started again finds it among what was held (:func:`falcohost.kept.held`). Whatever takes another set of
calls, or other filters, takes another probe, which another loader loads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from sys import byteorder
from typing import Final, NamedTuple, NoReturn

from falcohost import kept, lasting
from falcohost.digest import blake2b
from falcohost.kept import LoadAgain
from falcohost_syscall.drivers.modern_ebpf.asked import Asked
from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import are_traced
from falcohost_syscall.drivers.modern_ebpf.config import Config
from falcohost_syscall.drivers.modern_ebpf.controlled import MAPS as CONTROL_MAPS
from falcohost_syscall.drivers.modern_ebpf.controlled import PROGRAMS as CONTROL_PROGRAMS
from falcohost_syscall.drivers.modern_ebpf.controlled import Controlled
from falcohost_syscall.drivers.modern_ebpf.expectations import EXPECTED, Expectations, noted
from falcohost_syscall.drivers.modern_ebpf.feed import MAPS
from falcohost_syscall.drivers.modern_ebpf.filters import load
from falcohost_syscall.drivers.modern_ebpf.loading import images
from falcohost_syscall.drivers.modern_ebpf.probe import CONTROL, PROGRAMS
from falcohost_syscall.drivers.modern_ebpf.sentinel import NOTHING, Expected, condition
from falcohost_syscall.drivers.modern_ebpf.status import JOURNAL, PROBE, REPORTED, STATUS, Status
from falcohost_syscall.kernel.ledger import Ledger
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.maps import Maps
from falcohost_syscall.kernel.program_info import misses
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.kernel.ring import Ring
from falcohost_syscall.watched.files import WatchedFiles

_PACKAGE: Final = Path(__file__).parents[2]
#: What a reader has to have in common with the one before: how records are laid out, and what it leaves behind.
_SHARED: Final = ("records/record.py", "drivers/modern_ebpf/rings.py", "drivers/modern_ebpf/takeover")

_FILTERS: Final = "filters"


class HeldMaps(Maps):
    """The maps and links of a probe of which only descriptors are left.

    :ivar ledger: what is written into maps by nobody else.
    """

    def __init__(self, library: Library, left: Left, expected: Expectations) -> None:
        super().__init__(library)
        self._by_name = dict(zip(expected.maps, left.held["maps"], strict=True))
        self._links = [descriptor for descriptor in left.held["links"] if _kind(descriptor) == "link"]
        self.ledger = Ledger(self)
        others = [descriptor for descriptor in left.held["links"] if _kind(descriptor) == "map"]
        self.ledger.restore(expected.entries, [*self._by_name.values(), *others])

    def map_fds(self) -> Mapping[str, int]:
        """Return the descriptors of the maps, by name."""
        return self._by_name

    def link_fds(self) -> Sequence[int]:
        """Return the descriptors of the links."""
        return self._links


class Adopted(Controlled):
    """A probe of which only descriptors are left, and what its loader has told.

    :ivar memories: what readers leave for the next one.
    :ivar maps: the maps that a reader needs; *tasks*: those by which the running processes are listed.
    :ivar held: what it depends on that the kernel goes on.
    :ivar object: its maps and links.
    :ivar asked: the numbers of the calls that the kernel is to look at.
    :ivar canaries: the values of nobody in maps that the kernel keeps, by name.
    """

    def __init__(self, left: Left, status: Status, expected: Expectations) -> None:
        self._library = library = Library()
        control = dict(zip((*CONTROL_MAPS, *CONTROL_PROGRAMS), left.held[CONTROL], strict=True))
        self.object = HeldMaps(library, left, expected)
        self.asked, self.canaries = frozenset(expected.asked), expected.canaries
        super().__init__(Kernel(library), self.object, self.object.ledger, control)
        maps, self.tasks = left.kept[PROBE][: len(MAPS)], left.kept[PROBE][len(MAPS) :]
        self.maps = dict(zip(MAPS, maps, strict=True))
        self.memories = {name: left.kept[name][0] for name in (REPORTED, JOURNAL)}
        self.held = {name: those for name, those in left.held.items() if name != EXPECTED}
        self.by_function = status.by_function
        self.ring_sizes, self.rows, self.told = status.ring_sizes, set(status.rows), status.where
        self._status = status

    def objects(self) -> dict[str, list[int]]:
        """Return the kernel's numbers of the maps, programs and links that were held, by kind."""
        found: dict[str, set[int]] = {"map": set(), "program": {*self.object.ledger.programs()}, "link": set()}
        for descriptor in chain(*self.held.values()):
            if (kind := _kind(descriptor)) in found:
                found[kind].add(self._access.identity(descriptor))
        return {kind: sorted(numbers - {0}) for kind, numbers in found.items()}

    def map_fd(self, name: str) -> int:
        """Return the descriptor of a map."""
        return self.object.map_fds()[name]

    def still_sees(self) -> bool:
        """Return True; calls are seen as before.

        :raises LoadAgain: they are not: the kernel no longer traces functions.
        """
        if self.by_function and not are_traced():
            raise LoadAgain("the kernel does not trace functions any more")
        return True

    @property
    def has_copies(self) -> bool:
        """Whether calls pass through copies of the stages, whose filters only who has made them can replace."""
        own = self.map_fd(_FILTERS)
        return any(name == _FILTERS and map_fd != own for map_fd, name in self.ledger.maps.items())

    def set_sentinel(self, of: Expected) -> None:
        """Replace the filter of the sentinel's call at the tracepoint, so that those of another process pass.

        :raises SourceError: the kernel refused it.
        """
        assert of.call is not None
        filters = load({of.call: condition(of)}, self, processes=False)
        for (name, place), program in filters.programs.items():
            self.ledger.put(self.map_fd(name), name, place.to_bytes(4, byteorder), program)
        filters.close()

    def missed(self) -> int:
        """Return how often the kernel skipped one of the programs."""
        return max(self._status.missed, sum(misses(self._library, program) for program in self.held[PROGRAMS]))

    def close(self) -> None:
        """Let go of it."""
        for descriptor in (*self.maps.values(), *self.tasks, *chain(*self.held.values())):
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

    def expected(self) -> Expectations | None:
        """Return what the probe has to have in the kernel; None: that is not known."""
        found = noted(self.held[EXPECTED][0])
        return found if found is not None and len(found.maps) == len(self.held["maps"]) else None

    def close(self) -> None:
        """Let go of it."""
        for descriptor in chain(*self.kept.values(), *self.held.values()):
            os.close(descriptor)


def _kind(descriptor: int) -> str:
    """Return ``map``, ``link`` or ``program``; whatever else it is, something else."""
    kind = str(Path(f"/proc/self/fd/{descriptor}").readlink()).removeprefix("anon_inode:bpf").strip("-_")
    return "program" if kind == "prog" else kind


def left() -> Left | None:
    """Return what an earlier agent has left; None if it is not all there."""
    found = Left(
        {name: kept.inherited(name) for name in (PROBE, STATUS, REPORTED, JOURNAL)},
        {name: kept.held(name) for name in (CONTROL, "maps", "links", PROGRAMS, EXPECTED)},
    )
    complete = all(found.kept.values()) and found.held[EXPECTED]
    if not complete or len(found.held[CONTROL]) != len(CONTROL_MAPS) + len(CONTROL_PROGRAMS):
        found.close()
        return None
    return found


def layout() -> str:
    """Return a digest of what the next reader has to have in common with the one before."""
    digest = blake2b(images() + Path(lasting.__file__).read_bytes())
    for path in _SHARED:
        folder = _PACKAGE / path
        for file in sorted(folder.glob("*.py")) if folder.is_dir() else [folder]:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def purpose(config: Config, asked: bytes) -> str:
    """Return a digest of what decides what is collected: settings, what the rules ask for, and this plugin's code."""
    return blake2b(repr(replace(config, agent_pid=None)).encode() + asked + code()).hexdigest()


@cache
def code() -> bytes:
    """Return a digest of this plugin's code, which takes some 10 ms the first time."""
    digest = blake2b()
    for file in sorted(_PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.digest()
