"""Two programs at the tracepoint: what the first is left out for the second sees, and nothing comes twice."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from watching import OPENS, plan, run, seen

from falcohost_syscall.drivers.modern_ebpf import loading
from falcohost_syscall.drivers.modern_ebpf.attach import twice
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.source import SyscallSource

WANTED = ["openat /etc/passwd", "openat /etc/passwd"]


@pytest.fixture
def source(bpf, monkeypatch):
    """Return a source with two programs, whatever the kernel, that watches for reading /etc/passwd."""
    monkeypatch.setattr(loading, "may_be_left_out", lambda _: True)
    source = SyscallSource({"falcohost": {"attach": "tracepoint"}})
    source.open(plan("evt.type = openat and fd.name = /etc/passwd and evt.is_open_write = false"), None)
    yield source
    source.close()


def detach(source, which):
    """Take one of the two programs away, as the kernel leaves it out."""
    source.driver.probe.attachment._entries.pop(which).close()


@pytest.mark.parametrize("which", [0, 1])
def test_one_is_left_out(source, which):
    """A call is seen once while there are two; each sees what the other does not, through the same filters."""
    assert seen(source, run(OPENS)) == WANTED
    filtered = source.stats().filtered
    assert filtered >= 2
    assert source.stats().dropped["preempted"] == 0
    detach(source, which)

    assert seen(source, run(OPENS)) == WANTED
    assert source.stats().filtered >= filtered + 2


def test_other_rules(source):
    """Other rules are taken over at both, and costs can be measured."""
    source.update(plan("evt.type = openat and fd.name = /etc/hostname"))
    source.measure(True)
    assert seen(source, run(OPENS)) == ["openat /etc/hostname"]
    source.measure(False)
    detach(source, 0)
    assert seen(source, run(OPENS)) == ["openat /etc/hostname"]


@pytest.mark.parametrize(
    ("release", "version", "expected"),
    [
        ("7.2.13+deb14-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 7.2.13-1", True),
        ("7.1.13", "#1 SMP PREEMPT_DYNAMIC", False),
        ("6.18.44", "#1 SMP PREEMPT", False),
        ("7.3.4", "#1 SMP", False),
        ("8.0-rc1", "#1 SMP PREEMPT_RT", True),
    ],
)
def test_by_version(monkeypatch, release, version, expected):
    """Where the kernel does not let the count of preemption be read, its version and model say what it does."""
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release=release, version=version))

    assert twice.may_be_left_out(SimpleNamespace(variable=lambda _: None)) is expected


def test_by_looking(bpf):
    """If the kernel lets its preemption be observed, the result agrees with its version."""
    preemptive = {"PREEMPT", "PREEMPT_DYNAMIC", "PREEMPT_RT"} & set(os.uname().version.split())
    version = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))

    assert twice.may_be_left_out(Kernel(Library())) is (bool(preemptive) and version >= (7, 2))
