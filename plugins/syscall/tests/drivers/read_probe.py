"""The probe, loaded and read by one process."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from falcohost_syscall.drivers.modern_ebpf.feed import Feed
from falcohost_syscall.drivers.modern_ebpf.loading import Prepared
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.records import record

#: ``struct pace`` of bpf/flood.bpf.h.
_PACE = struct.Struct("=qQQQ")


class ReadProbe(Probe):
    """The probe with what it tells; what was read is given back at once."""

    def __init__(
        self,
        settings: LoadSettings | None = None,
        options: Options | None = None,
        *,
        by_function: bool = False,
        prepared: Prepared | None = None,
    ) -> None:
        super().__init__(settings, options, by_function=by_function, prepared=prepared)
        self.feed = Feed(self.maps, self.tasks)
        self.feed.start(self.ring_sizes)

    def read(self) -> list[bytes]:
        """Return the next records."""
        found = self.feed.rings.read()
        self.feed.release(self.feed.rings.position)
        return found

    def wait(self, seconds: float) -> None:
        """Wait until there is much to read."""
        self.feed.rings.wait(seconds)

    def tasks_listed(self) -> Iterator[bytes]:
        """Yield records of the running processes."""
        return self.feed.tasks()

    def lost(self) -> dict[str, int]:
        """Return how often something was lost, by cause."""
        return self.feed.lost() | {"preempted": self.missed()}

    def counts(self) -> dict[int, record.CallCount]:
        """Return the counters of calls, by row."""
        return self.feed.counts(self.rows)

    def set_pace(self, soon: int) -> None:
        """Have the probe believe from now on that *soon* bytes of each ring are read in half a second."""
        pace = _PACE.pack(1 << 62, 0, 0, soon)  # measured in the future, so it is not measured again
        self.kernel.set(self.map_fd(".data.paces"), bytes(4), 2 * pace)

    def set_measured(self, since: int, position: int, soon: int) -> None:
        """Have the probe believe that at a time *position* was written up to in the ring of calls, and nothing read."""
        pace = _PACE.pack(since, 0, position, soon)
        self.kernel.set(self.map_fd(".data.paces"), bytes(4), 2 * pace)

    @property
    def pace(self) -> int:
        """How many bytes of the ring of calls the probe believes to be read in half a second."""
        return int(_PACE.unpack_from(self.kernel.get(self.map_fd(".data.paces"), bytes(4), 2 * _PACE.size))[3])

    def close(self) -> None:
        """Stop reading, and unload it."""
        if hasattr(self, "feed"):
            self.feed.close()
        super().close()
