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
    """Wait until *is_so* holds; *failure* describes the actual state for the error message.

    Most of the time is left to what is waited for, also where looking takes long.
    """
    patience = PATIENCE * SLOWNESS
    asked = time.monotonic()
    end = asked + patience
    while not is_so():
        answered = time.monotonic()
        assert answered < end, f"not true after {patience:.0f} s: {failure()}"
        time.sleep(min(0.5, max(0.005, 2 * (answered - asked))))
        asked = time.monotonic()
