"""Alerts that an output has refused for good: kept whole and apart, whatever becomes of the store, within limits."""

import pytest

from falcohost.store import parked
from falcohost.store.arrival import Answer, Refusal
from falcohost.store.limits import Limits
from falcohost.store.parked import ParkedAlerts
from falcohost.store.store import Store
from falcohost.testing.outputs import alert


@pytest.fixture
def park(store, arrival):
    """Return a function that stores an alert, and has the output refuse it."""
    store.subscribe("http")

    def park(name, reason="413"):
        store.append([arrival(name)], [])
        store.append([], [Answer("http", store.last, refused=[Refusal(store.last, reason)])])

    return park


def kept(path, output=""):
    """Return what is parked."""
    opened = ParkedAlerts(path.parent)
    found = [(one.output, one.seq, one.reason, one.alert.id) for one in opened.read(output)]
    opened.close()
    return found


def test_parked(park, store, path, clock):
    """It is there with its number and the reason, whole, also for the next agent; the mark is behind it."""
    park("a")
    store.append([], [])
    park("b", "400: bad")

    assert [("http", 1, "413", "a"), ("http", 2, "400: bad", "b")] == kept(path) == kept(path, "http")
    assert [] == kept(path, "other")
    opened = ParkedAlerts(path.parent)
    found = opened.read()
    assert ("rule a", alert("a").fields) == (found[0].alert.rule, found[0].alert.fields)
    opened.remove(found[:1])
    opened.close()
    store.close()
    again = Store(path, Limits(), clock=clock)
    assert (2, [("http", 2, "400: bad", "b")]) == (again.subscribe("http").mark, kept(path))
    again.close()


def test_what_is_deleted_meanwhile(park, store, arrival, path, clock, caplog):
    """Parked alerts outlive those in the store; what is not in the store any more cannot be parked."""
    park("a")
    clock.advance(40 * 86_400)
    store.append([arrival("b")])
    store.append([], [Answer("http", 1, refused=[Refusal(77, "y")])])

    assert "has refused cannot be kept: it is not in the store any more" in caplog.text
    assert ["b"] == [one.id for _, one in store.read(0, 10)]
    assert [("http", 1, "413", "a")] == kept(path)


def test_limits(park, path, monkeypatch, caplog):
    """Beyond the limits the oldest are given up, and that is logged."""
    monkeypatch.setattr(parked, "MOST", 2)
    for name in "abc":
        park(name)
    assert ["b", "c"] == [row[3] for row in kept(path)]
    assert "gave up 1 alerts that outputs had refused" in caplog.text
    monkeypatch.setattr(parked, "MOST_BYTES", 300)
    park("d")
    assert ["d"] == [row[3] for row in kept(path)]
