"""The program at the tracepoint that runs with preemption off: it sees what the other would, and nothing is skipped."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from watching import OPENS, plan, run, seen

from falcohost_syscall.drivers.modern_ebpf import loading
from falcohost_syscall.drivers.modern_ebpf.attach import by_perf
from falcohost_syscall.kernel import perf
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.source import SyscallSource

WANTED = ["openat /etc/passwd", "openat /etc/passwd"]


def opened():
    """Return a source that watches for reading /etc/passwd."""
    source = SyscallSource({"falcohost": {"attach": "tracepoint"}})
    source.open(plan("evt.type = openat and fd.name = /etc/passwd and evt.is_open_write = false"), None)
    return source


@pytest.fixture
def source(bpf, monkeypatch):
    """Return such a source that sees calls by way of perf, whatever the kernel."""
    monkeypatch.setattr(loading, "may_be_left_out", lambda _: True)
    source = opened()
    assert isinstance(source.driver.probe.attachment, by_perf.ByPerf)
    yield source
    source.close()


def test_calls(source):
    """A call is seen once, through filters; none is skipped."""
    assert seen(source, run(OPENS)) == WANTED
    assert source.stats().filtered >= 2
    assert source.stats().dropped["preempted"] == 0


def test_other_rules(source):
    """Other rules are taken over, and costs can be measured."""
    source.update(plan("evt.type = openat and fd.name = /etc/hostname"))
    source.measure(True)
    assert seen(source, run(OPENS)) == ["openat /etc/hostname"]
    source.measure(False)
    assert seen(source, run(OPENS)) == ["openat /etc/hostname"]


def test_others_events(source):
    """Who else counts events at the tracepoint still gets them, of wanted calls and of others."""
    folder = perf.opened_folder("raw_syscalls")
    event = perf.opened_event(perf.number_of("sys_exit", folder), os.getpid())
    try:
        perf.count(event)
        before = int.from_bytes(os.read(event, 8), "little")
        for _ in range(50):
            os.getppid()
            os.close(os.open("/etc/passwd", os.O_RDONLY))
        counted = int.from_bytes(os.read(event, 8), "little") - before
    finally:
        os.close(event)
        os.close(folder)

    assert counted >= 150


def test_without_perf(bpf, monkeypatch):
    """Where perf cannot be used, the program at the raw tracepoint sees calls, and it is said why."""

    def none(number):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(loading, "may_be_left_out", lambda _: True)
    monkeypatch.setattr(perf, "opened_event", none)
    source = opened()
    try:
        assert "perf cannot be used ([Errno 1] Operation not permitted)" in source.driver.probe.told
        assert seen(source, run(OPENS)) == WANTED
    finally:
        source.close()


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

    assert by_perf.may_be_left_out(SimpleNamespace(variable=lambda _: None)) is expected


def test_by_looking(bpf):
    """If the kernel lets its preemption be observed, the result agrees with its version."""
    preemptive = {"PREEMPT", "PREEMPT_DYNAMIC", "PREEMPT_RT"} & set(os.uname().version.split())
    version = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))

    assert by_perf.may_be_left_out(Kernel(Library())) is (bool(preemptive) and version >= (7, 2))
