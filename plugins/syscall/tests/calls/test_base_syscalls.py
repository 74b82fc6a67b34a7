"""Falco's ``base_syscalls`` and ``drop_failed_exit``: what they make of the calls that rules want."""

from __future__ import annotations

import logging

import pytest

from falcohost.errors import ConfigError
from falcohost.events import Plan
from falcohost_syscall.calls.base_syscalls import parse
from falcohost_syscall.calls.rows import BY_NAME, NOT_BY_DEFAULT
from falcohost_syscall.drivers.modern_ebpf import wanted
from falcohost_syscall.drivers.modern_ebpf.config import parse as parse_settings
from falcohost_syscall.records.record import COMPAT_BASE, WANT_SUCCESS_ONLY

ANY = Plan(source="syscall")
OPENS = Plan(source="syscall", event_types=frozenset({"openat", "creat"}))


def test_nothing_set():
    """Without the block rules get what they want; a name that is added changes nothing."""
    assert ANY is parse(None).choose(ANY)
    assert OPENS is parse({"custom_set": ["close"], "repair": True}).choose(OPENS)


def test_never():
    """A call with an exclamation mark is not collected, whether a rule names it or not."""
    base = parse({"custom_set": ["!openat", "close"]})

    assert frozenset({"creat"}) == base.choose(OPENS).event_types
    assert frozenset(BY_NAME) - NOT_BY_DEFAULT - {"openat"} == base.choose(ANY).event_types


def test_all():
    """With ``all`` a rule that names no event type gets those too that are left out by default; no other rule does."""
    base = parse({"all": True})

    assert frozenset(BY_NAME) - {"switch", "page_fault"} == base.choose(ANY).event_types
    assert OPENS.event_types == base.choose(OPENS).event_types


def test_remarks():
    """It is said what rules without an event type do not see; nothing of other rules."""
    (left_out,) = parse(None).remarks(ANY)

    assert f"see {len(BY_NAME) - len(NOT_BY_DEFAULT)} of {len(BY_NAME)} types" in left_out
    assert [] == [*parse(None).remarks(OPENS)] == [*parse({"all": True}).remarks(ANY)]


def test_unknown_name(caplog):
    """A name that is none is told of."""
    with caplog.at_level(logging.WARNING):
        parse({"custom_set": ["!opennat"]})

    assert "there is no system call !opennat" in caplog.text


@pytest.mark.parametrize("block", [3, {"custom_set": "open"}, {"custom_set": [1]}, {"all": "yes"}])
def test_refused(block):
    """A value that cannot be is refused with a sentence."""
    with pytest.raises(ConfigError, match=r"^base_syscalls.*\.$"):
        parse(block)


def test_only_successful():
    """With ``drop_failed_exit`` only calls that succeed are collected; failing starts of programs not at all."""
    settings = parse_settings({"modern_ebpf": {"drop_failed_exit": True}})
    calls = wanted.calls(frozenset({"openat", "execve"}), "aarch64", only_successful=settings.only_successful)

    assert {56, COMPAT_BASE + 322} == set(calls)
    assert calls[56].want & WANT_SUCCESS_ONLY
