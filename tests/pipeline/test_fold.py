"""Floods of matches become counted alerts: which are told by themselves, what the others become; none is lost."""

import json
from dataclasses import dataclass

import pytest
from folded import START, Opened, Told, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from falcohost.engine.alerts import JsonOptions, encode_json
from falcohost.engine.times import SECOND
from falcohost.host.summary import Counts, Summary
from falcohost.pipeline import fold
from falcohost.subject import ProcessSubject, ResourceSubject


def test_those_after_the_first_are_one_alert():
    """Three are told by themselves, the other seven as one alert, which alone is made for them."""
    told = Told().take(Opened(number, START + number) for number in range(10))
    assert [1, 1, 1] == told.counts

    told.fold.flush()
    assert [1, 1, 1, 7] == told.counts
    assert 4 == told.made
    assert {"opened": 6} == told.fold.folded


def test_a_counted_alert_says_how_many_and_until_when():
    """It is the alert of the first that it stands for; count, first and last are in its fields, and in its text."""
    told = Told().take(Opened(number, START + number * SECOND) for number in range(5))
    told.fold.flush()
    line = json.loads(encode_json(told.alerts[-1], JsonOptions()))

    assert line["output_fields"] == {
        "evt.time": START + 3 * SECOND,
        "evt.num": 3,
        "it.file": "/etc/shadow",
        "falcohost.count": 2,
        "falcohost.first": START + 3 * SECOND,
        "falcohost.last": START + 4 * SECOND,
        "falcohost.same": "output",
    }
    assert line["output"].endswith(
        "Notice opened | file=/etc/shadow number=3 (2 times until 2023-11-14T22:13:24.000000000Z)"
    )
    assert "2023-11-14T22:13:23.000000000Z" == line["time"]


def test_one_that_stands_for_itself_alone_is_an_ordinary_alert():
    """The fourth of four has no count."""
    told = Told().take(map(Opened, range(4)))
    told.fold.flush()

    assert told.alerts[-1] == told.maker.make(rule(), Opened(3))


def test_other_files_are_told():
    """While one file is opened again and again, the same process opening another is told at once."""
    told = Told().take(map(Opened, range(8))).take([Opened(8, file="/root/key")])

    assert [1] * 4 == told.counts
    assert "/root/key" == told.alerts[-1].fields["it.file"]


def test_other_processes_are_told():
    """Each process has a count of its own."""
    told = Told().take(map(Opened, range(8))).take([Opened(8, actor=2)])
    assert [1] * 4 == told.counts


def test_other_rules_are_told():
    """Each rule has a count of its own."""
    told = Told().take(map(Opened, range(8))).take([Opened(8)], by=rule("other"))
    assert [1] * 4 == told.counts


def test_files_that_all_differ_are_folded_too():
    """Ten times as many of one process are told; what comes then is one alert that says whose values it shows."""
    told = Told().take(Opened(number, file=f"/tmp/{number}") for number in range(100))
    told.fold.flush()

    assert [1] * 30 + [70] == told.counts
    assert ("actor", "/tmp/30") == tuple(told.alerts[-1].fields[name] for name in ("falcohost.same", "it.file"))
    assert "(70 times until" in told.alerts[-1].message
    assert "Z, same rule and actor, values of the first; it.file: /tmp/30, /tmp/31, " in told.alerts[-1].message
    assert [f"/tmp/{number}" for number in range(30, 100)] == told.alerts[-1].fields["falcohost.values.it.file"]


def test_processes_that_all_differ_are_folded_too():
    """A hundred times as many of one rule are told."""
    told = Told().take(Opened(number, actor=number) for number in range(1000))
    told.fold.flush()

    assert [1] * 300 + [700] == told.counts
    assert "rule" == told.alerts[-1].fields["falcohost.same"]


def test_nobody_in_particular_is_not_one_actor():
    """Where events do not say who did it, only a hundred times as many of one rule are too many."""
    told = Told().take(Opened(number, file=str(number), actor=None) for number in range(310))
    told.fold.flush()

    assert [1] * 300 + [10] == told.counts
    assert "rule" == told.alerts[-1].fields["falcohost.same"]


def test_a_window_ends_by_the_time_of_events():
    """A match ten seconds after the first begins a new window; the count of the former one is reported before it."""
    told = Told().take(map(Opened, range(5))).take([Opened(5, START + 10 * SECOND)])
    assert [1, 1, 1, 2, 1] == told.counts


def test_a_window_ends_though_nothing_comes():
    """An idle worker tells the count when the window is over, not before."""
    told = Told().take(map(Opened, range(5)))
    told.clock.advance(9)
    told.fold.tick()
    assert [1, 1, 1] == told.counts

    told.clock.advance(1)
    told.fold.tick()
    assert [1, 1, 1, 2] == told.counts


def test_fewer_are_told_as_ever():
    """Up to the limit nothing is held back, and nothing is left at the end."""
    told = Told().take(map(Opened, range(3)))
    told.fold.flush()
    assert [told.maker.make(rule(), Opened(number)) for number in range(3)] == told.alerts


@pytest.mark.parametrize("file", [("a", "b"), {"a": [1]}, [1, "\udcff"], b"\xff", None])
def test_any_value_may_be_compared(file):
    """Values of any kind make outputs equal, or different."""
    told = Told().take(Opened(number, file=file) for number in range(5))
    told.take([Opened(5, file="else")]).fold.flush()
    assert [1, 1, 1, 1, 2] == told.counts


def test_memory_is_bounded(monkeypatch):
    """Beyond what is remembered, the window of the process that is quiet longest ends, and its count is told."""
    monkeypatch.setattr(fold, "MOST_REMEMBERED", 20)
    told = Told(after=5).take(map(Opened, range(8)))
    told.take(Opened(8 + number, file=str(number), actor=2 + number) for number in range(9))
    assert [1] * 14 == told.counts

    told.take([Opened(17, actor=12)])
    assert [1] * 14 + [3, 1] == told.counts


@given(st.randoms(use_true_random=True))
@settings(max_examples=settings().max_examples // 10)
def test_every_match_is_told_once_or_counted_once(chance):
    """Over random rules, processes, files, times and ends of windows the counts add up, rule by rule."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold, "MOST_REMEMBERED", 50)
        counts_add_up(chance, 1000)


def counts_add_up(chance, matches):
    """Take so many random *matches*, and compare the counts that are told with them."""
    rules = [rule("a"), rule("b", "b"), rule("c", "%it.file")]
    told, taken, ts = Told(after=2, window=1.0), dict.fromkeys("abc", 0), START
    for number in range(matches):
        ts += chance.choice((0, 0, 1000, -1000, SECOND // 50))
        told.clock.advance(0.001)
        by = chance.choice(rules)
        files, actors = chance.choice((2, 1000)), chance.choice((1, 3, 1000))
        told.take([Opened(number, ts, str(chance.randrange(files)), chance.randrange(actors))], by)
        taken[by.name] += 1
        if chance.random() < 0.01:
            told.fold.tick()
        if chance.random() < 0.001:
            told.fold.flush()
    told.fold.flush()

    counted = dict.fromkeys("abc", 0)
    for alert in told.alerts:
        counted[alert.rule] += alert.count
    assert taken == counted
    assert len({alert.id for alert in told.alerts}) == len(told.alerts) <= matches


def test_the_summary_counts_matches():
    """The summary at the end does not depend on folding."""
    told = Told().take(map(Opened, range(10)))
    told.fold.flush()
    summary = Summary(["opened"])
    counts = Counts()
    counts.add(told.alerts)
    summary.count(counts.rules, counts.priorities)

    assert "Events detected: 10\n" in summary.text()
    assert "   opened: 10\n" in summary.text()


def test_an_alert_for_several_actors_keeps_their_subjects():
    """An alert for matches of many processes names each of them once, up to the limit of an alert."""
    told = Told(after=1)
    told.take(Opened(number, START, file=number, actor=number % 150) for number in range(300))
    told.fold.flush()

    assert 200 == told.alerts[-1].count
    assert tuple(ProcessSubject(number, 0) for number in range(100, 116)) == told.alerts[-1].subjects


def test_an_alert_for_one_actor_has_one_subject():
    """An alert for several matches of one process names it once."""
    told = Told().take(Opened(number, START) for number in range(10))
    told.fold.flush()

    assert (7, (ProcessSubject(1, 0),)) == (told.alerts[-1].count, told.alerts[-1].subjects)


@dataclass
class Touched(Opened):
    """An event whose actor has touched many resources."""

    @property
    def resources(self):
        """Twenty shelves of the actor's own."""
        return (ResourceSubject("shelf", f"{self.actor}-{number}") for number in range(20))


def test_who_touches_much_keeps_nobody_out():
    """A folded alert names all actors before it names what they touched, and each once; sixteen in all."""
    told = Told(after=1)
    told.take(Touched(number, START, file=number, actor=number % 105) for number in range(210))
    told.fold.flush()
    last = told.alerts[-1]

    assert 110 == last.count
    assert tuple(ProcessSubject(number, 0) for number in (*range(100, 105), *range(11))) == last.subjects


def test_a_folded_alert_names_what_was_touched():
    """Beside the actors there is room for the resources of the first."""
    told = Told().take(Touched(number, START) for number in range(10))
    told.fold.flush()

    shelves = tuple(ResourceSubject("shelf", f"1-{number}") for number in range(15))
    assert (ProcessSubject(1, 0), *shelves) == told.alerts[-1].subjects
