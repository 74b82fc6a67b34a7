"""What the worker takes for events, while that is measured."""

from __future__ import annotations

import time
from types import SimpleNamespace

from falcohost.pipeline import spent
from falcohost.pipeline.spent import Spending


def _slowly(*types):
    for kind in types:
        time.sleep(0.02)
        yield SimpleNamespace(type=kind)


def test_reading_and_matching_are_told_apart():
    """The time until an event is there is that of reading it; the time until the next one is asked for, of matching."""
    spending = Spending()
    for event in spending.watch(_slowly("open", "open", "connect")):
        if event.type == "open":
            time.sleep(0.05)

    assert ["open", "connect"] == [*spending.types]
    opens, connects = spending.types.values()
    assert (2, 1) == (opens.events, connects.events)
    assert 2 * 20_000_000 <= opens.read_ns
    assert 2 * 50_000_000 <= opens.match_ns
    assert 20_000_000 <= connects.read_ns
    assert connects.match_ns < connects.read_ns


def test_types_are_bounded(monkeypatch):
    """Whoever chooses the types of events does not fill the worker's memory."""
    monkeypatch.setattr(spent, "MOST_TYPES", 2)
    spending = Spending()
    kinds = ["a", "b", "c", "a"]
    seen = [event.type for event in spending.watch(SimpleNamespace(type=kind) for kind in kinds)]

    assert kinds == seen
    assert {"a": 2, "b": 1} == {kind: one.events for kind, one in spending.types.items()}
