"""libc functions: what calls leave behind."""

from __future__ import annotations

import gc

from falcohost.host.confine import landlock
from falcohost.libc import effective_capabilities, prctl

# linux/prctl.h
PR_SET_PDEATHSIG = 1


def test_calls_leave_no_garbage() -> None:
    # Helpers never collect any, and a process calls these for each capability and each folder that it gives up.
    def calls() -> None:
        prctl(PR_SET_PDEATHSIG, 0)
        effective_capabilities()
        landlock.version()

    calls()
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            calls()
        left = gc.collect()
    finally:
        gc.enable()
    assert left < 50, left
