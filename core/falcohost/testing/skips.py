"""Skips tests that need something missing, or fails them on a machine that ought to have it."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

VARIABLE = "FALCOHOST_REQUIRE"


def skip_or_fail(need: str, reason: str) -> NoReturn:
    """Skip the test because *need* (one word: ``bpf``, ``corpus``) is not available; fail if it is required.

    ``FALCOHOST_REQUIRE=bpf,corpus`` lists what is required, so that a skip cannot look like a success on a machine
    where the test ought to run. *reason* says what is missing and how to fix it.
    """
    if need in required():
        pytest.fail(f"{reason} ({VARIABLE} has {need})", pytrace=False)
    pytest.skip(f"{reason} [{need}]")


def required() -> frozenset[str]:
    """Return the needs that ``FALCOHOST_REQUIRE`` lists."""
    return frozenset(need.strip() for need in os.environ.get(VARIABLE, "").split(",") if need.strip())
