"""While BCC compiles, the log says so."""

from __future__ import annotations

import threading
import time

import pytest

from falcohost_syscall.drivers.legacy_ebpf import compiling


def test_it_is_told_now_and_then(caplog):
    """At the beginning, again and again, and at the end with the time that it took; no thread is left."""
    caplog.set_level("INFO")
    with compiling.told("it", pause=0.01):
        time.sleep(0.2)

    begin, *meanwhile, end = caplog.messages
    assert begin.startswith("BCC is compiling it; ")
    assert meanwhile
    assert all(line.startswith("BCC is still compiling it, for ") for line in meanwhile)
    assert end.startswith("BCC has compiled it in 0.")
    assert "compiling" not in {thread.name for thread in threading.enumerate()}


def test_what_hangs_is_not_told_for_ever(caplog):
    """After a time nothing more is said, so that the watchdog replaces the worker."""
    caplog.set_level("INFO")
    with compiling.told("it", pause=0.01, longest=0.05):
        time.sleep(0.2)
        said = len(caplog.messages)
        time.sleep(0.2)
        assert said == len(caplog.messages)


def test_an_error_is_no_success(caplog):
    """What fails is not said to be compiled."""
    caplog.set_level("INFO")
    with pytest.raises(ValueError, match="refused"), compiling.told("it"):
        raise ValueError("refused")

    assert not [line for line in caplog.messages if "has compiled" in line]
