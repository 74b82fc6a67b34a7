"""What the push-down's tests share: modules beside them, and a kernel that runs filters over made-up events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from filter_bench import FilterBench  # noqa: E402


@pytest.fixture(scope="session")
def filter_bench(bpf) -> Iterator[FilterBench]:
    """Return a bench that runs filters in the kernel."""
    with FilterBench() as bench:
        yield bench
