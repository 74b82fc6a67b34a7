"""Fixtures of the push-down's tests: the modules beside them, and a kernel that runs filters over made-up events."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from filter_bench import FilterBench  # noqa: E402
from name_watcher import NameWatcher  # noqa: E402
from watching import plan  # noqa: E402

from falcohost.testing import skip_or_fail  # noqa: E402
from falcohost_syscall.kernel.libbpf import Library  # noqa: E402
from falcohost_syscall.kernel.programs import Kernel  # noqa: E402
from falcohost_syscall.source import SyscallSource  # noqa: E402


@pytest.fixture(scope="session")
def filter_bench(bpf) -> Iterator[FilterBench]:
    """Return a bench that runs filters in the kernel."""
    with FilterBench() as bench:
        if not bench.tells():
            pytest.skip("before Linux 5.10, nobody is told what a filter returns")
        yield bench


@pytest.fixture(params=[True, False], ids=["filtered", "unfiltered"])
def watch_names(sources, request) -> Callable[..., NameWatcher]:
    """Return a function that begins to watch under which names events match, with filters in the kernel or without."""
    return functools.partial(NameWatcher, sources, pushdown=request.param)


@pytest.fixture
def watch(sources) -> Callable[..., SyscallSource]:
    """Return a function that has the source watch for one rule."""

    def watch(text: str, *fields: str, ends: bool = True, anew: bool = False, **settings: object) -> SyscallSource:
        return sources.open(plan(text, *fields, ends=ends), {"engine": {}, "falcohost": settings}, anew=anew)

    return watch


@pytest.fixture
def searches(bpf):
    """Skip where the kernel looks through no text of more than 255 bytes, and lets events with such texts pass."""
    if not Kernel(Library()).has_may_goto:
        skip_or_fail("may_goto", "the verifier follows a search byte by byte, so that long texts are not searched")
