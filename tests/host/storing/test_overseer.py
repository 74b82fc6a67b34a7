"""The store tells of a supervisor that says nothing, once, and when it is back."""

import pytest

from falcohost.host.storing.overseer import GONE, HANGS, LOOKS, WORKS, Overseer
from falcohost.testing.clock import ManualClock


@pytest.fixture
def watched():
    """Return an overseer that has heard its supervisor, and a function that lets seconds pass and returns the rules."""
    clock = ManualClock()
    overseer = Overseer(clock)
    overseer.hears()

    def passes(seconds, *, speaks=False):
        told = []
        for _ in range(seconds):
            clock.advance(1)
            if speaks:
                overseer.hears()
            told.append(overseer.look())
        return [notice.rule for notice in told if notice is not None]

    overseer.passes, overseer.clock = passes, clock
    return overseer


def test_one_that_works(watched):
    """Nothing is told."""
    assert [] == watched.passes(100, speaks=True)


def test_one_that_hangs(watched):
    """It is told once, and once that it works again."""
    assert [] == watched.passes(10)
    assert [HANGS] == watched.passes(100)
    assert [WORKS] == watched.passes(10, speaks=True)
    assert [HANGS] == watched.passes(100)


def test_one_that_has_not_begun(watched):
    """A supervisor that waits until everything is open is not silent."""
    overseer = Overseer(watched.clock)
    for _ in range(100):
        watched.clock.advance(1)
        assert overseer.look() is None


def test_the_store_itself_did_not_run(watched):
    """What it has not heard while it did not run is no sign."""
    watched.clock.advance(60)
    assert watched.look() is None
    assert [] == watched.passes(10)
    assert [HANGS] == watched.passes(1)


def test_what_it_says(watched):
    """The alert says for how long, and what does not happen meanwhile."""
    for _ in range(11):
        watched.clock.advance(1)
        notice = watched.look()

    assert "CRITICAL" == notice.priority.name
    assert "the supervisor has said nothing for 11 s: it hangs, or was stopped" in notice.text
    assert "nothing is replaced that ends" in notice.text
    assert (GONE, "CRITICAL") == (watched.is_gone().rule, watched.is_gone().priority.name)
    assert LOOKS < 10
