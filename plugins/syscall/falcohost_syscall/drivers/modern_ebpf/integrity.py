"""Finds what somebody has done to the loaded probe: root can open its maps and programs by their numbers.

What the loader has written is compared, and written again where it differs. What only the kernel writes is checked for
what the kernel never writes: counters that fall, spent budgets that nobody can have, a canary that is gone. A program
that is not where it was put cannot be put back; then everything has to be loaded anew.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Final

from falcohost import SourceError
from falcohost_syscall.drivers.modern_ebpf.adopted import Adopted
from falcohost_syscall.drivers.modern_ebpf.feed import Feed
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.kernel.ledger import Difference
from falcohost_syscall.kernel.map_digest import MapDigest
from falcohost_syscall.processes.boot_clock import own_offset
from falcohost_syscall.records import record

#: Seconds between two checks.
PERIOD: Final = 1.0

# Maps that the kernel keeps for itself, by process. No process has the pid that is the key of the canary.
_CANARIES: Final = ("processes", "further_processes", "large_images")
_NOBODY: Final = b"\xff\xff\xff\xff"
# Budgets that are spent (struct spent of bpf/flood.bpf.h): as of when, and how many bytes.
_SPENT: Final = ("processes_spent", "groups_spent")
_KEY: Final = 16
_WHEN_AND_BYTES: Final = struct.Struct("=QQ")
_SOON: Final = 1_000_000_000
# Maps into which the loader writes; frozen, they would stay as they are.
_WRITTEN: Final = ("calls", "filters", "ignored_pids", "stages", ".data.wanted", ".data.options")


class Integrity:
    """Checks *probe*, which has just been loaded, or is the probe of an earlier agent with its *canaries*.

    :ivar canaries: the values of nobody in maps that the kernel keeps, by name.
    """

    def __init__(self, probe: Probe | Adopted, canaries: Mapping[str, bytes] | None = None) -> None:
        self._probe = probe
        self.canaries = dict(canaries or {})
        self._feed = Feed(probe.maps, probe.tasks)
        self._digest = MapDigest(probe.kernel, probe.object.library.types)
        self._counted = 0
        self._checked = 0.0
        self._broken = ""
        if isinstance(probe, Probe):
            for name in _CANARIES:
                self.canaries[name] = os.urandom(probe.object.value_size(name))
                probe.object.update(probe.map_fd(name), _NOBODY, self.canaries[name])

    def check(self) -> Iterator[str]:
        """Mend what can be mended, and yield a sentence for each finding.

        :raises SourceError: the last check has found what cannot be mended.
        """
        if self._broken:
            raise SourceError(f"{self._broken}, so that everything is loaded anew")
        now = time.monotonic()
        if now - self._checked < PERIOD:
            return
        self._checked = now
        yield from self._entries()
        if not self._looks():
            self._probe.settle()
            yield "entries of the map '.data.asked' were changed; they are made again"
        yield from self._kernels_own()
        yield from self._loaded()

    def _looks(self) -> bool:
        """Return whether the kernel looks at the calls that it is to look at; it may look at more."""
        found = self._probe.object.lookup(self._probe.map_fd(".data.asked"), bytes(4), record.COMPAT_BASE)
        return all(found[place] for place in self._probe.asked)

    def _entries(self) -> Iterator[str]:
        found: dict[str, list[Difference]] = {}
        for one in self._probe.object.ledger.differences(self._digest.is_of):
            found.setdefault(one.name, []).append(one)
        for name, entries in found.items():
            what = f"entries of the map '{name}' were changed (number: {len(entries)})"
            if all(map(self._probe.object.ledger.mend, entries)):
                yield f"{what}; they are written again"
            else:
                yield self._is_broken(what)

    def _kernels_own(self) -> Iterator[str]:
        for name, canary in self.canaries.items():
            if self._probe.object.find(self._probe.map_fd(name), _NOBODY, len(canary)) != canary:
                yield self._is_broken(f"entries of the map '{name}' were changed or removed")
        counted = self._count()
        if counted < self._counted:
            yield f"counters of events or losses have fallen from {self._counted} to {counted}"
        self._counted = counted
        for name in _SPENT:
            if count := self._impossible(name):
                what = f"entries of the map '{name}' say that more was spent than anybody has (number: {count})"
                yield f"{what}; they are removed"

    def _count(self) -> int:
        counts = self._feed.counts(self._probe.rows)
        return sum(self._feed.lost().values()) + sum(count.seen for count in counts.values())

    def _impossible(self, name: str) -> int:
        """Remove the spent budgets that lie in the future or are larger than the ring; return how many these were."""
        maps, map_fd = self._probe.object, self._probe.map_fd(name)
        latest = found = 0
        for key, value in maps.listed(map_fd, _KEY, _WHEN_AND_BYTES.size):
            when, spent = _WHEN_AND_BYTES.unpack(value)
            if when > latest:  # the time after the entry was read: we may have waited for a processor before
                latest = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + own_offset() + _SOON
            if when > latest or spent > max(self._probe.ring_sizes):
                maps.delete(map_fd, key)
                found += 1
        return found

    def _loaded(self) -> Iterator[str]:
        loaded = self._probe.object
        if not loaded.are_there((*loaded.map_fds().values(), *loaded.link_fds())):
            yield self._is_broken("a map or a link is gone")
        for name in _WRITTEN:
            if loaded.is_frozen(self._probe.map_fd(name), _NOBODY):
                yield self._is_broken(f"the map '{name}' was frozen")

    def close(self) -> None:
        """Let go of what it has in the kernel."""
        self._digest.close()

    def _is_broken(self, what: str) -> str:
        self._broken = what
        return f"{what}; everything is loaded anew"
