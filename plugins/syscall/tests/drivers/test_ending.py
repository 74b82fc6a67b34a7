"""When a recording is ended, what waits in the rings is read; what takes too long is counted."""

from __future__ import annotations

import mmap
import struct
import time
from types import SimpleNamespace

import pytest

from falcohost import lasting
from falcohost.lasting import Memory
from falcohost_syscall.drivers import ending
from falcohost_syscall.drivers.kmod import rings as kmod
from falcohost_syscall.drivers.kmod.driver import KernelModule
from falcohost_syscall.drivers.legacy_ebpf import rings as legacy
from falcohost_syscall.drivers.legacy_ebpf.driver import LegacyEbpf

SIZE = 1 << 16


class Perf:
    """The ring of a perf buffer, as the kernel writes it."""

    def __init__(self, monkeypatch):
        self.file = lasting.make("perf", SIZE)
        monkeypatch.setattr(legacy, "_opened", lambda cpu: self.file)
        self.ring = legacy.Ring(0, SIZE)
        self.rings = legacy.Rings([], SIZE)
        self.rings.rings.append(self.ring)

    def write(self, data: bytes = b"x" * 40):
        """Write a record of now."""
        body = struct.pack("=IQ", 8 + len(data), time.monotonic_ns()) + data
        record = struct.pack("=IHH", 9, 0, 8 + len(body)) + body
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
        ring = kmod.Ring(0, memoryview(self.data), memoryview(self.info), 8, memory, 1)
        self.rings = kmod.Rings([ring])

    def write(self):
        """Write an event of now."""
        event = struct.pack("=QqIHI", time.time_ns(), 1, 26, 5, 0)
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
