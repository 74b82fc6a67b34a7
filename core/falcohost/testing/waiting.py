"""Waiting in tests: for the thing itself, and never for a time that a busy machine may need."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds after which a test gives up, whatever else the machine does.
PATIENCE = 120.0


def wait_until(is_so: Callable[[], object], failure: Callable[[], object] = str) -> None:
    """Return when something *is_so*; *failure* says what there is instead."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, f"not so after {PATIENCE:.0f} s: {failure()}"
        time.sleep(0.005)
