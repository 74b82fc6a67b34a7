"""Tests the intake: arrivals are stored in one transaction, and alerts that the store gave up are reported."""

from falcohost.alert import Priority
from falcohost.store.arrival import Arrival
from falcohost.testing.outputs import alert


def test_all_that_has_arrived_is_stored_at_once(intake, store):
    """Alerts of all sources are stored in order, and the cursors that are true then are returned."""
    intake.take(Arrival("one", [alert("a"), alert("b")], "1"))
    intake.take(Arrival("two", [alert("c")]))
    intake.take(Arrival("one", [], "2"))
    assert 0 == store.last
    stored = intake.commit()

    assert ["id-a", "id-b", "id-c"] == [one.id for one in stored.alerts]
    assert {"one": "2"} == stored.cursors
    assert 3 == store.last


def test_nothing_has_arrived(intake):
    """Where nothing has arrived nothing is done."""
    assert intake.commit() is None


def test_alerts_about_falcohost_itself(intake, store):
    """An alert about falcohost itself is stored like any other."""
    intake.raise_alert("Rule", Priority.CRITICAL, "text", {"count": 3})
    (found,) = intake.commit().alerts

    assert ("Rule", "internal", {"count": 3}) == (found.rule, found.source, dict(found.fields))
    assert 1_700_000_000_000_000_000 == found.time


def test_alerts_that_the_store_gave_up(intake, store):
    """Alerts that the store gave up are reported once, in an alert stored with the next arrival."""
    told = []
    for lost in (3, 5, 5):
        store.lost = lost
        intake.take(Arrival("one", [alert("a")]))
        intake.commit()
        stored = intake.commit()
        told.append([(one.rule, one.message, dict(one.fields)) for one in stored.alerts] if stored else [])

    rule, text = "Falcohost internal: alerts given up", "alerts were given up before every output had them"
    assert [[(rule, f"3 {text}", {"count": 3})], [(rule, f"2 {text}", {"count": 2})], []] == told
