"""Rings, one for each processor, are read in order of time, and when a recording is ended, up to what waited then."""

from __future__ import annotations

import mmap
import struct
import time
from random import Random
from types import SimpleNamespace

import pytest

from falcohost import lasting
from falcohost.lasting import Memory
from falcohost_syscall.drivers import ending
from falcohost_syscall.drivers.kmod import rings as kmod
from falcohost_syscall.drivers.kmod.driver import KernelModule
from falcohost_syscall.drivers.legacy_ebpf import rings as legacy
from falcohost_syscall.drivers.legacy_ebpf.driver import LegacyEbpf
from falcohost_syscall.drivers.modern_ebpf.driver import ModernEbpf
from falcohost_syscall.drivers.modern_ebpf.reader import Since

SIZE = 1 << 16


class Perf:
    """The ring of a perf buffer, as the kernel writes it."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(legacy, "_opened", lambda cpu: lasting.make("perf", SIZE))
        self.ring = legacy.Ring(0, SIZE)
        self.rings = legacy.Rings([], SIZE)
        self.rings.rings.append(self.ring)

    def write(self, ts: int | None = None):
        """Write a record of a time, or of now."""
        body = struct.pack("=IQ", 48, time.monotonic_ns() if ts is None else ts) + b"x" * 40
        self._append(struct.pack("=IHH", 9, 0, 8 + len(body)) + body)

    def lose(self, count: int):
        """Write that so many records were lost."""
        self._append(struct.pack("=IHHQQ", 2, 0, 24, 0, count))

    def _append(self, record: bytes):
        head = self.ring._words[legacy._HEAD_AT]
        for at, byte in enumerate(record, head):
            self.ring._data[at % SIZE] = byte
        self.ring._words[legacy._HEAD_AT] = head + len(record)


class Module:
    """The ring of the kernel module, as that writes it."""

    def __init__(self, monkeypatch):
        self.data, self.info = mmap.mmap(-1, 2 * SIZE), mmap.mmap(-1, mmap.PAGESIZE)
        self.words = memoryview(self.info).cast("I")
        memory = Memory(lasting.make("reached", mmap.PAGESIZE))
        self.ring = kmod.Ring(0, memoryview(self.data), memoryview(self.info), 8, memory, 1)
        self.rings = kmod.Rings([self.ring])

    def write(self, ts: int | None = None):
        """Write an event of a time, or of now."""
        event = struct.pack("=QqIHI", time.time_ns() if ts is None else ts, 1, 26, 5, 0)
        head = self.words[0]
        for at, byte in enumerate(event, head):
            self.data[at % SIZE] = self.data[at % SIZE + SIZE] = byte
        self.words[0] = (head + len(event)) % SIZE


@pytest.fixture(params=["ebpf", "kmod"])
def driven(request, monkeypatch):
    """Return a ring, and a driver that reads it without anything in the kernel."""
    if request.param == "ebpf":
        ring, driver = Perf(monkeypatch), LegacyEbpf({"engine": {"kind": "ebpf"}})
        driver._program = SimpleNamespace(rings=ring.rings, close=lambda: None)
    else:
        ring, driver = Module(monkeypatch), KernelModule({"engine": {"kind": "kmod"}})
        driver._rings, driver._again = ring.rings, ring.rings.waiting
    monkeypatch.setattr(driver, "_events", tuple)
    yield ring, driver
    driver.close()


def test_what_waits_is_read(driven):
    """Batches end behind what was written before the end; what comes later is not waited for."""
    ring, driver = driven
    batches = driver.batches()
    ring.write()
    assert 1 == len(next(batches).events)
    for _ in range(3):
        ring.write()
    driver.end()
    found = 0
    for batch in batches:
        found += len(batch.events)
        ring.write()

    assert 3 == found
    assert 0 == driver.stats().dropped["unread"]


def test_what_takes_too_long_is_counted(driven, monkeypatch):
    """When time is over, what is left counts as lost."""
    monkeypatch.setattr(ending, "MOST", 0.0)
    ring, driver = driven
    batches = driver.batches()
    ring.write()
    assert 1 == len(next(batches).events)
    for _ in range(5):
        ring.write()
    driver.end()

    assert [] == [*batches]
    assert 5 == driver.stats().dropped["unread"]


def test_losses_of_the_module_count_up_to_the_end(monkeypatch):
    """What is lost while the rest is read happened after the end, and does not count."""
    ring, driver = Module(monkeypatch), KernelModule({"engine": {"kind": "kmod"}})
    driver._rings, driver._reported = ring.rings, SimpleNamespace(say=lambda told: None, close=lambda: None)
    counts = memoryview(ring.info).cast("Q")
    counts[2] = 3
    driver.end()
    counts[2] = 10

    assert 3 == driver.stats().dropped["ring_full"]
    driver.close()
    assert 3 == driver.stats().dropped["ring_full"]


def test_losses_of_the_probe_count_up_to_the_end():
    """So it is with the probe."""
    driver, lost = ModernEbpf({"engine": {"kind": "modern_ebpf"}}), {"flood": 3}
    driver._reader = SimpleNamespace(
        feed=SimpleNamespace(rings=SimpleNamespace(produced=lambda: (0, 0), fill=dict)),
        status=lambda: driver._status,
        counters=lambda status: Since({}, dict(lost)),
        latest=None,
        close=lambda: None,
    )
    driver.end()
    lost["flood"] = 10

    assert 3 == driver.stats().dropped["flood"]
    driver.close()
    assert 3 == driver.stats().dropped["flood"]


@pytest.fixture(params=["ebpf", "kmod"])
def three(request, monkeypatch):
    """Return three rings, of which a few records are read at a time, and a function that returns the next records."""
    module = legacy if request.param == "ebpf" else kmod
    monkeypatch.setattr(module, "_CHUNK", 260)
    rings = [(Perf if request.param == "ebpf" else Module)(monkeypatch) for _ in range(3)]
    if request.param == "ebpf":
        together = legacy.Rings([], SIZE)
        together.rings += [one.ring for one in rings]
        return rings, together, together.records
    together = kmod.Rings([one.ring for one in rings])
    return rings, together, together.events


@pytest.mark.parametrize("seed", range(5))
def test_they_are_read_in_order_of_time(three, seed):
    """Of rings that are far behind, one with many records of a moment, all come in order, each once."""
    rings, together, read = three
    random = Random(seed)
    times = sorted(random.randrange(10**6) for _ in range(300))
    places = random.choices(range(3), (20, 3, 1), k=300)
    for ts, place in zip(times, places, strict=True):
        rings[place].write(ts)
    found = []
    while records := read():
        found += [one[0] for one in records]

    assert times == found
    assert together.have_read(together.written if hasattr(together, "written") else together.waiting)


def test_losses_are_counted_once(monkeypatch):
    """What a ring says to have lost counts when it is read, and not while it waits for another ring."""
    monkeypatch.setattr(legacy, "_CHUNK", 100)
    first, second = Perf(monkeypatch), Perf(monkeypatch)
    together = legacy.Rings([], SIZE)
    together.rings += [first.ring, second.ring]
    for ts in range(100, 110):
        first.write(ts)
    second.write(1)
    second.write(105)
    second.lose(7)
    lost = []
    while records := together.records():
        lost.append((records[-1][0], together.lost))

    assert [0, 7] == sorted({count for _, count in lost})
    assert 0 == max(count for ts, count in lost if ts < 105)
