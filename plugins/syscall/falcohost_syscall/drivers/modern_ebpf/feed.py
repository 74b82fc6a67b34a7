"""What the loaded probe has for a reader: its records, counters and tables. All that is needed are descriptors.

So the process that reads what strangers do need not be the one that loads programs, and the next such process goes on
where one has ended.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.listing import Listing
from falcohost_syscall.drivers.modern_ebpf.rings import Position, Rings
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.maps import Added, Maps
from falcohost_syscall.records import record

#: The maps of the probe that a reader needs.
MAPS: Final = ("call_ring", "proc_ring", "lost", "call_counts", "containers", "processes", "large_images", "unmatched")
#: Those of them that a reader only reads.
ONLY_READ: Final = frozenset({"lost", "call_counts"})
#: Rows of counters of what no rule asks for.
_UNWANTED: Final = (0, record.COUNT_FORKS, record.COUNT_EXECS, record.COUNT_EXITS)
_NOTHING: Final = record.CallCount(*(0 for _ in record.CallCount._fields))
_U32: Final = struct.Struct("=I")
_U64: Final = struct.Struct("=Q")


class Feed:
    """Reads a loaded probe.

    :param maps: the descriptors of :data:`MAPS`.
    :param tasks: the descriptors by which the running processes are listed (:mod:`.listing`).
    :ivar rings: its records, from :meth:`start` on.
    """

    def __init__(self, maps: Mapping[str, int], tasks: Sequence[int]) -> None:
        library = Library()
        self._cpus = library.check(library.lib.libbpf_num_possible_cpus(), "Cannot count the processors")
        self._access = Maps(library)
        self._maps = maps
        self._tasks = Listing(library, tasks)
        self._lost = struct.Struct(f"={self._cpus}Q")
        self._counts = struct.Struct(f"={len(record.CallCount._fields) * self._cpus}Q")
        self._places: list[int] = []
        self._values: list[bytes] = []
        self._counted: dict[int, record.CallCount] = {}
        self.rings: Rings

    def start(self, sizes: tuple[int, int], position: Position | None = None) -> None:
        """Read the rings of calls and of processes, of these *sizes* in bytes, from *position* on."""
        self.rings = Rings((self._maps["call_ring"], self._maps["proc_ring"]), sizes, position)

    def release(self, position: Position) -> None:
        """Give the space of what was read up to *position* back to the kernel."""
        self.rings.release(position)

    def tasks(self) -> Iterator[bytes]:
        """Return a KIND_TASK record for each running process."""
        return iter(self._tasks)

    def end_listing(self) -> None:
        """Let go of that by which they are listed, which another process has opened for this one."""
        self._tasks.close()

    def keep(self, pid: int, kept: record.Kept, large: record.LargeImage | None) -> Added:
        """Have the kernel cache this context of a process, unless it has some already."""
        key, access = _U32.pack(pid), self._access
        if large is not None:
            access.add(self._maps["large_images"], key, record.LARGE_IMAGE.pack(*large))
        return access.add(self._maps["processes"], key, record.KEPT.pack(*kept))

    def keep_instead(self, pid: int, kept: record.Kept) -> None:
        """Have the kernel cache this context of a process instead of what it has, unless it has forgotten that."""
        self._access.replace(self._maps["processes"], _U32.pack(pid), record.KEPT.pack(*kept))

    def lacks_program(self, pid: int) -> bool:
        """Return whether the kernel has an entry of a process and does not know its program.

        An event of a process that ran before makes such an entry, and children inherit it.
        """
        found = self._access.find(self._maps["processes"], _U32.pack(pid), record.KEPT.size)
        return found is not None and not record.Kept._make(record.KEPT.unpack(found)).has_image

    def forget(self, pid: int) -> None:
        """Remove what the kernel has of a process."""
        self._access.delete(self._maps["processes"], _U32.pack(pid))

    def set_container(self, key: int, place: int) -> None:
        """Tell filters what the cgroups behind *key* are (``facts.containers.told_of``)."""
        self._access.update(self._maps["containers"], _U64.pack(key), bytes([place]))

    def set_unmatched(self, caller: record.Caller, until: int) -> None:
        """Tell the probe that hardly any of these calls match a rule, up to a time in nanoseconds since boot."""
        self._access.update(self._maps["unmatched"], record.CALLER.pack(*caller), _U64.pack(until))

    def lost(self) -> dict[str, int]:
        """Return how often the probe lost something since it was loaded, by cause (enum lost of bpf/record.h)."""
        causes = record.ENUMS["lost"]
        values = self._access.places(self._maps["lost"], range(len(causes)), 8 * self._cpus)
        return {cause: sum(self._lost.unpack(value)) for cause, value in zip(causes, values, strict=True)}

    def counts(self, rows: Iterable[int]) -> dict[int, record.CallCount]:
        """Return the counters of each event type since the probe was loaded, by row, for these *rows*.

        What no rule asks for is counted in row 0 (calls) and in the rows ``record.COUNT_…``.
        """
        wanted = sorted({*_UNWANTED, *rows})
        values = self._access.places(self._maps["call_counts"], wanted, self._counts.size)
        if wanted != self._places:
            self._places, self._values, self._counted = wanted, [b""] * len(wanted), dict.fromkeys(wanted, _NOTHING)
        for row, value, before in zip(wanted, values, self._values, strict=True):
            if value != before:  # most are as they were when they were counted last
                self._counted[row] = self._count(value)
        self._values = values
        return self._counted.copy()

    def _count(self, value: bytes) -> record.CallCount:
        """Return the sum over the processors of *value*."""
        numbers, members = self._counts.unpack(value), len(record.CallCount._fields)
        return record.CallCount(*(sum(numbers[place::members]) for place in range(members)))

    def close(self) -> None:
        """Stop reading; the descriptors stay open."""
        if hasattr(self, "rings"):
            self.rings.close()
