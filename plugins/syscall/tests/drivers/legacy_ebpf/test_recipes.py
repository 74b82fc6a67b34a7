"""Which calls are observed is what the documentation says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.drivers.legacy_ebpf.recipes import COVERED, numbers

PAGE = Path(__file__).parents[5] / "docs" / "legacy-ebpf.md"


def test_the_page_names_what_is_not_observed():
    """The page lists all calls of x86_64 of which the driver does not tell."""
    (line,) = [line for line in PAGE.read_text().splitlines() if line.startswith("All that Falco has, but for these")]

    assert {row.name for row in CALLS if row.numbers.get("x86_64")} - COVERED == set(re.findall(r"`(\w+)`", line))


@pytest.mark.parametrize(
    "name", ["open", "openat", "execve", "connect", "clone", "close", "dup2", "procexit", "unlinkat"]
)
def test_what_detection_needs_is_observed(name):
    """Files, programs, connections and descriptors are observed."""
    assert name in COVERED


def test_calls_for_tables_alone_are_sent_when_they_succeed():
    """A call that no rule asks for, and that failed, changes nothing and is not sent."""
    asked, other = numbers(["openat"]), numbers([], ["openat"])

    assert asked.keys() == other.keys()
    assert all(other[one].flags == asked[one].flags | 8 for one in asked)
