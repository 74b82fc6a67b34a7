"""How long the first alert that an output has not taken has been waiting."""

from falcohost.host.supervision.arrivals import MOST, Arrivals


def test_how_long():
    """It waits since the moment in which the store first told of it; an output that has all waits for nothing."""
    arrivals = Arrivals()
    for last, now in ((0, 0.0), (5, 10.0), (5, 11.0), (9, 20.0)):
        arrivals.note(last, now)

    assert [20.0, 20.0, 10.0, 10.0, 0.0] == [arrivals.lag(mark, 30.0) for mark in (0, 4, 5, 8, 9)]


def test_what_everybody_has_is_forgotten():
    """What is before the mark of the slowest is forgotten, which changes no answer about later marks."""
    arrivals = Arrivals()
    for last in range(100):
        arrivals.note(last, float(last))
    arrivals.forget(50)

    assert [9.0, 1.0, 0.0] == [arrivals.lag(mark, 100.0) for mark in (90, 98, 99)]


def test_a_long_wait():
    """However long it is, not more is remembered than there is room for, and the wait is known within a share of it."""
    arrivals = Arrivals()
    for last in range(1, 10 * MOST):
        arrivals.note(last, float(last))
        assert len(arrivals._moments) <= MOST

    assert 10 * MOST - 2 * 16 <= arrivals.lag(0, 10.0 * MOST) <= 10 * MOST
