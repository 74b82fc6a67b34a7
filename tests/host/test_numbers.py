"""Tests that a source's numbers and its worker's counters are combined."""

import pytest

from falcohost import SourceStats, TypeCount
from falcohost.host.numbers import Numbers, RuleNumbers, TypeNumbers, counted
from falcohost.pipeline.spent import Spent


def test_both_are_put_together():
    """Types are those that the source tells of and those of which events matched; causes that lost nothing are not."""
    lost, types = {"full": 1, "never": 0}, {"open": TypeCount(5, 1, 4, 2, 3, 7)}
    found = counted(
        SourceStats(9, 8, lost, 3, 2, 0.5, types, fill={"ring": 0.0}, notes=("said",)),
        matched={"open": 6, "rare": 2},
        hit={"open": 3, "rare": 1},
        rules={"A rule": 8},
        folded={"A rule": 5},
        failed=1,
    )

    assert found == Numbers(
        9, 8, {"full": 1}, 3, 2, 0.5,
        {"open": TypeNumbers(5, 1, 4, 2, 3, 7, matched=6, unmatched=1), "rare": TypeNumbers(matched=2)},
        fill={"ring": 0.0}, notes=("said",), failed=1, rules={"A rule": RuleNumbers(8, 5)},
    )  # fmt: skip


def test_what_the_worker_takes():
    """What events cost in the worker stands in the row of their type, also where the source counts no types."""
    found = counted(SourceStats(), matched={}, hit={}, rules={}, folded={}, spent={"open": Spent(2, 30, 50)})

    assert {"open": TypeNumbers(worked=2, read_ns=30, match_ns=50)} == found.types


def test_what_no_rule_wants():
    """Events that no rule wants are counted as the source reports them."""
    found = counted(
        SourceStats(unwanted={"calls": TypeCount(9, timed=9, ns=4)}), matched={}, hit={}, rules={}, folded={}, failed=0
    )

    assert {"calls": TypeNumbers(9, timed=9, ns=4)} == found.unwanted


@pytest.mark.parametrize(
    ("seen", "timed", "ns", "cost"), [(40, 10, 100, 400), (8, 10, 100, 100), (40, 0, 0, 0), (10, 10, 100, 100)]
)
def test_cost(seen, timed, ns, cost):
    """The cost of all events is the cost of the measured ones, scaled to all."""
    assert cost == TypeNumbers(seen=seen, timed=timed, ns=ns).cost
