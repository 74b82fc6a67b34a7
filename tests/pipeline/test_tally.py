"""Counts of matches."""

from types import SimpleNamespace

from falcohost.clock import SYSTEM
from falcohost.pipeline.tally import Tally

A, B = SimpleNamespace(name="a"), SimpleNamespace(name="b")


def test_matches_count_by_type_and_by_rule():
    """An event that several rules match is one event and several matches."""
    tally = Tally(SYSTEM)
    for kind, rules in (("open", (A,)), ("open", (A, B)), ("connect", (B,)), ("open", (A, B))):
        tally.matches(SimpleNamespace(type=kind), rules)

    assert {"open": 5, "connect": 1} == tally.matched
    assert {"open": 3, "connect": 1} == tally.hit
    assert {"a": 3, "b": 3} == tally.rules
