"""Falco's names of engines, for metrics."""

from falcohost.host.health.data import ENGINES
from falcohost_syscall.drivers.drivers import DRIVERS


def test_each_driver_has_a_name():
    """Metrics call each driver as Falco's libraries do, and none a plugin."""
    names = {"modern_ebpf": "modern_bpf", "ebpf": "bpf", "kmod": "kmod", "replay": "savefile", "nodriver": "nodriver"}

    assert names == ENGINES
    assert {driver.name for driver in DRIVERS} <= ENGINES.keys()
