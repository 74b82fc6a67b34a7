"""Verdicts about alerts: kept, bounded, counted by rule, and carried over by a repair and from earlier versions."""

import pytest
from msgspec.structs import replace

from falcohost.errors import StateError
from falcohost.store import verdicts
from falcohost.store.arrival import Arrival
from falcohost.store.examine import repair
from falcohost.store.history import History, Wanted
from falcohost.store.limits import Limits
from falcohost.store.orders import GiveVerdict, carry_out
from falcohost.store.store import Store
from falcohost.store.verdicts import MOST_NOTE, Judged, Verdict


@pytest.fixture
def give(store):
    """Return a function that gives a verdict as the user 7."""

    def give(name, verdict, note="", at=100):
        return carry_out(store, GiveVerdict(name, verdict, note, "ann"), 7, at)

    return give


def test_kept_with_the_alert(store, path, arrival, give):
    """A verdict has who gave it and when; a later one takes its place."""
    store.append([arrival("a", "b")])

    assert 2 == give("b", "true").number
    assert 2 == give("b", "false", "a test", at=200).number
    history = History(path.parent)
    assert [None, Verdict("false", "a test", "ann", 7, 200)] == [one.verdict for one in history.numbered(Wanted())]
    assert ["b"] == [one.id for one in history.alerts(Wanted(verdict="false"))]
    assert [] == [*history.alerts(Wanted(verdict="true"))]


def test_no_such_alert(store, arrival, give):
    """A verdict about an alert that is not there, or with a note that is too long, changes nothing."""
    store.append([arrival("a")])

    with pytest.raises(StateError, match=r"no alert has the id 'b'; falcohost alerts --ids prints"):
        give("b", "true")
    with pytest.raises(StateError, match="a note has 1024 characters at most"):
        give("a", "true", "x" * (MOST_NOTE + 1))
    assert 1 == give("a", "true").number


def test_counted_by_rule(store, path, clock, arrival, give):
    """The share of false alarms counts each alert once, also one that was deleted since."""
    store.append([Arrival("source", [replace(one, rule="r") for one in arrival(*"abcd").alerts])])
    for name, verdict in (("a", "false"), ("b", "false"), ("c", "benign"), ("d", "true")):
        give(name, verdict)
    give("b", "true")
    clock.advance(40 * 86_400)
    store.append([arrival("e")])

    history = History(path.parent)
    assert ["e"] == [one.id for one in history.alerts(Wanted())]
    assert {"r": Judged(true=2, false=1, benign=1)} == history.judged()
    assert 0.25 == history.judged()["r"].share


def test_bounded(store, path, monkeypatch, arrival, give):
    """Beyond the limit the verdicts about the oldest alerts are given up."""
    monkeypatch.setattr(verdicts, "MOST", 3)
    store.append([arrival(*"abcdef")])
    for name in "abcdef":
        give(name, "false")

    assert list("def") == [one.id for one in History(path.parent).alerts(Wanted(verdict="false"))]


def test_repaired(store, path, arrival, give):
    """A repair keeps verdicts."""
    store.append([arrival("a")])
    give("a", "benign")
    store.close()
    repair(path.parent)

    assert ["a"] == [one.id for one in History(path.parent).alerts(Wanted(verdict="benign"))]


def test_of_an_earlier_version(path, clock, store, arrival, former):
    """A file without verdicts is read as it is, and gets the table when a store opens it."""
    store.append([arrival("a")])
    store.close()
    former(path, 5)
    history = History(path.parent)

    assert ([None], {}) == ([one.verdict for one in history.numbered(Wanted())], history.judged())
    again = Store(path, Limits(), clock=clock)
    assert 1 == carry_out(again, GiveVerdict("a", "true"), 0, 1).number


def test_a_full_disk(store, path, arrival, give):
    """While the file cannot be written an order fails, and says so; nothing is half done."""
    store.append([arrival("a")])
    store._disk.change(lambda connection: connection.execute("PRAGMA query_only = 1"))

    with pytest.raises(StateError, match="cannot be written now; nothing was changed"):
        give("a", "true")
    store._disk.change(lambda connection: connection.execute("PRAGMA query_only = 0"))
    assert [None] == [one.verdict for one in History(path.parent).numbered(Wanted())]
