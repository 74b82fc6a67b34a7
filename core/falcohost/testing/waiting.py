"""Waits in tests for a condition, never for a fixed time, which may be too short on a busy machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

#: Seconds after which a test gives up, long enough for a busy machine.
PATIENCE = 120.0

#: How many times longer everything takes here than on a normal machine, for example in an emulator.
SLOWNESS = float(os.environ.get("FALCOHOST_SLOWNESS", "1"))


def wait_until(is_so: Callable[[], object], failure: Callable[[], object] = str) -> None:
    """Wait until *is_so* holds; *failure* describes the actual state for the error message."""
    patience = PATIENCE * SLOWNESS
    end = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < end, f"not true after {patience:.0f} s: {failure()}"
        time.sleep(0.005)
