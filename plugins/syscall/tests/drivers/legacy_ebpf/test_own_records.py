"""What this process does is not recorded, and does not become more by that it is read."""

from __future__ import annotations

import os
import platform
import struct

import pytest

from falcohost import Plan
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers import own
from falcohost_syscall.drivers.legacy_ebpf.driver import LegacyEbpf
from falcohost_syscall.drivers.legacy_ebpf.recipes import ENDED, EXECUTED
from falcohost_syscall.processes.boot_clock import boot_time

ME = os.getpid()


def record(native: int, pid: int = ME):
    """Return a record as rings have it."""
    data = struct.pack(
        "=Qq6QQ4Q14I4IQ5HH16sH16sHH16s3B3x",
        *(1000, 0, *(0,) * 6, 0, 0, 0, 0, 0),
        *(pid, pid, os.getppid(), pid, pid, *(0,) * 9, native, 0, 0, 0, 1024),
        *(0,) * 6,
        *(b"", 0, b"", 0, 1, b"python", 0, 0, 0),
    )
    return 1000, 0, data


def number(name: str) -> int:
    """Return the number of a call on this machine."""
    return BY_NAME[name].numbers[platform.machine()][0]


@pytest.fixture
def driver():
    """Return the driver of a command, which records all, without programs in the kernel."""
    driver = LegacyEbpf({"engine": {"kind": "ebpf"}})
    driver.update(Plan("syscall", frozenset(BY_NAME)))
    driver.tables.look_up(ME)
    yield driver
    driver.close()


def told(driver, *found):
    """Return the types of the events of records."""
    return [event.type for event in driver._events(found)]


def test_own_calls_cause_no_further_ones(driver, monkeypatch):
    """They are no events, and after the first one nothing is asked for them, neither a clock nor the process."""
    asked = []
    monkeypatch.setattr(own, "boot_time", lambda: asked.append(0) or boot_time())

    assert [] == told(driver, *[record(number("getpid"))] * 1000)
    assert [0] == asked
    assert 1 == driver._applying.number
    assert [] == told(driver, *[record(number("close"))] * 3)
    assert [0] == asked


def test_what_is_none_of_its_tasks_is_told(driver):
    """What the recorder does not do for its task is an event, also while its other calls are passed over."""
    assert [] == told(driver, record(number("getpid")), record(number("getpid")))
    assert ["ptrace"] == told(driver, record(number("ptrace")))


@pytest.mark.parametrize("after", [EXECUTED, ENDED])
def test_another_program_with_its_number(driver, after):
    """When it has executed a program, or ended, what has its number is passed over no more."""
    assert [] == told(driver, record(number("getpid")), record(number("getpid")))
    told(driver, record(after))

    assert not driver._own.quiet
    if after == EXECUTED:
        assert ["getpid"] == told(driver, record(number("getpid")))
