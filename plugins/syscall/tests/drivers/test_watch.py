"""What a reader says of sentinels: which have arrived, and what the kernel's counters say of those that have not."""

import pytest

from falcohost_syscall.drivers.modern_ebpf import sentinel
from falcohost_syscall.drivers.modern_ebpf.sentinel import NOTHING, Watch, expected
from falcohost_syscall.records.record import CallCount


@pytest.fixture
def watch():
    """Return a watch for which one has arrived."""
    found = Watch()
    found.take(7)
    found.heard(8, CallCount(seen=1, passed=1), {"scratch": 0, "flood": 5})
    return found


@pytest.mark.parametrize(
    ("count", "lost", "cause", "overloaded"),
    [
        (CallCount(1, 1), {}, "does not see calls", False),
        (CallCount(3, 1), {}, "sees calls and sends nothing", False),
        (CallCount(3, 3), {}, "its ring has them no more", False),
        (CallCount(3, 1, 2), {}, "no room", True),
        (CallCount(3, 1), {"scratch": 2}, "no room", True),
        (CallCount(3, 1), {"flood": 9}, "sees calls and sends nothing", False),
    ],
)
def test_causes(watch, count, lost, cause, overloaded):
    """The counters of the call say how far it came."""
    found = watch.heard(9, count, lost)

    assert (7, 9, overloaded) == (found.arrived, found.complete, found.overloaded)
    assert cause in found.cause


def test_one_that_comes_again(watch):
    """The next worker reads some again, which changes nothing."""
    watch.take(3)
    assert 7 == watch.heard(9, CallCount(1, 1), {}).arrived


def test_a_call_that_no_rule_asks_for():
    """The first that no rule asks for is collected; if rules ask for all of them, none is."""
    first, second = sentinel.NAMES

    assert (first, 5) == (expected({"open"}, 5).call, expected({"open"}, 5).pid)
    assert second == expected({first}, 5).call
    assert NOTHING == expected({first, second}, 5)
    assert NOTHING == expected(set(), None)
    assert NOTHING.call is None


def test_the_calls_are_made():
    """They change nothing and raise nothing."""
    sentinel.call(1 << 40)
