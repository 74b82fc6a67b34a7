"""A source that is open, and tries in vain to reach what it reads, is an alert."""

import pytest
from msgspec.structs import replace

from falcohost.host import wire
from falcohost.host.numbers import NOTHING
from falcohost.host.supervision.outages import FAILING, LOOKUP_FAILING, LOOKUP_WORKS, WORKS, Outages

NO = {"one: sqs://q: there is no such queue": 7}


@pytest.fixture
def watched(stage):
    """Return a function that has a source report what it tries again, second by second; it returns the alerts."""
    played = stage("one", "two")
    alerts = []
    outages = Outages(played.workers.children, lambda *alert: alerts.append(alert), played.clock)

    def report(seconds, retrying, unreached=NOTHING.unreached):
        for _ in range(seconds):
            played.last("one").say(wire.Report(replace(NOTHING, retrying=retrying, unreached=unreached)))
            played.last("two").say(wire.Report(NOTHING))
            played.turn()
            outages.check()
            played.clock.advance(1)
        found = list(alerts)
        alerts.clear()
        return found

    def fail():
        played.fails("one")
        outages.check()
        return list(alerts)

    report.fail = fail
    played.last("one").say(wire.Ready())
    played.last("two").say(wire.Ready())
    return report


def test_a_lasting_outage(watched):
    """Each outage is told once, after a minute, with its reason, and so is its end; the next one again."""
    assert [] == watched(60, NO)
    ((rule, priority, text, fields),) = watched(300, NO)

    assert (FAILING, "ERROR", {"source": "one", "attempts": 7, "seconds": 60}) == (rule, priority.name, fields)
    assert text == "event source 'one' sees nothing of what it tries again: one: sqs://q: there is no such queue"
    ((rule, priority, _, fields),) = watched(5, {})
    assert (WORKS, "NOTICE", {"source": "one", "seconds": 360}) == (rule, priority.name, fields)
    assert [FAILING] == [rule for rule, *_ in watched(62, NO)]


def test_short_outages(watched):
    """What works again within a minute is no alert."""
    for _ in range(5):
        assert [] == watched(59, NO) + watched(1, {})


def test_a_source_that_gives_up(watched):
    """What ends while it fails does not work again."""
    assert [FAILING] == [rule for rule, *_ in watched(61, NO)]
    assert [] == watched.fail()


@pytest.fixture
def looked_up(watched):
    """Return a function that has a lookup of a source report what it does not reach, second by second."""
    return lambda seconds, unreached: watched(seconds, {}, unreached)


def test_a_lookup_that_fails(looked_up):
    """It is told once, with the reason as it is then, and so is its end."""
    assert [] == looked_up(15, {"pods: the server: refused": 20})
    ((rule, priority, text, fields),) = looked_up(100, {"pods: the server: timed out": 35})
    assert (LOOKUP_FAILING, "ERROR") == (rule, priority.name)
    assert {"source": "one", "lookup": "pods", "seconds": 35} == fields
    assert (
        "lookup 'pods' of 'one' has not reached what it asks for 35 s: the server: timed out;"
        " what it knew before stays in use"
    ) == text

    ((rule, priority, text, fields),) = looked_up(5, {})
    assert (LOOKUP_WORKS, "NOTICE", {"source": "one", "lookup": "pods", "seconds": 115}) == (
        rule, priority.name, fields,
    )  # fmt: skip


def test_a_lookup_that_fails_for_a_moment(looked_up):
    """What works again within the time is no alert."""
    for _ in range(5):
        assert [] == looked_up(14, {"pods: refused": 1}) + looked_up(1, {})
