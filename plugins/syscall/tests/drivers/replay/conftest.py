"""Fixtures of the captures' tests: a capture written by hand, and what is read from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from workload import captures

from falcohost import Plan
from falcohost_syscall.drivers.replay.driver import Replay
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.fields.rows import FIELDS

FIELD = {field.name: field for field in FIELDS}


@pytest.fixture
def replayed(tmp_path) -> Callable[..., Replay]:
    """Return a function that writes a capture of these blocks and opens it."""

    def replayed(*blocks: bytes, path: Path | None = None, plan: Plan | None = None) -> Replay:
        file = path or tmp_path / "made.scap"
        if path is None:
            file.write_bytes(captures.section() + b"".join(blocks))
        driver = Replay({"engine": {"kind": "replay", "replay": {"capture_file": str(file)}}})
        driver.open(plan or Plan("syscall"))
        return driver

    return replayed


@pytest.fixture
def shown() -> Callable[..., list[tuple[object, ...]]]:
    """Return a function that returns the type of each event and fields of it, each as of its event."""

    def shown(driver: Replay, *names: str) -> list[tuple[object, ...]]:
        return [
            (event.type, *(value(event, name) for name in names))
            for batch in driver.batches()
            for event in batch.events
        ]

    return shown


def value(event: SyscallEvent, name: str) -> object:
    """Return a field of an event; the argument stands in brackets."""
    if name in ("evt.num", "evt.asynctype"):  # fields of all sources
        return getattr(event, "num" if name == "evt.num" else "async_name")
    name, _, arg = name.rstrip("]").partition("[")
    return FIELD[name].get(event, int(arg) if arg.isdecimal() else arg or None)
