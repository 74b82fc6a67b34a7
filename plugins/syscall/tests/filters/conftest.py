"""What the push-down's tests share: modules beside them, and a kernel that runs filters over made-up events."""

from __future__ import annotations

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
        yield bench


@pytest.fixture(params=[True, False], ids=["filtered", "unfiltered"])
def watch_names(bpf, request) -> Iterator[Callable[..., NameWatcher]]:
    """Return a function that begins to watch under which names events match, with filters in the kernel or without."""
    started: list[NameWatcher] = []

    def watch_names(event_type: str, condition: str, **settings: object) -> NameWatcher:
        started.append(NameWatcher(event_type, condition, pushdown=request.param, **settings))
        return started[-1]

    yield watch_names
    for watcher in started:
        watcher.close()


@pytest.fixture
def watch(bpf):
    """Return a function that opens the source for one rule."""
    opened = []

    def watch(text, *fields, **settings):
        source = SyscallSource({"engine": {}, "falcohost": settings})
        opened.append(source)
        source.open(plan(text, *fields), None)
        return source

    yield watch
    for source in opened:
        source.close()


@pytest.fixture
def searches(bpf):
    """Skip where the kernel looks through no text of more than 255 bytes, and lets events with such texts pass."""
    if not Kernel(Library()).has_may_goto:
        skip_or_fail("may_goto", "the verifier follows a search byte by byte, so that long texts are not searched")
