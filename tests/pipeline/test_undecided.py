"""Events of which not everything is known: what holds all the same fires, and what does not is told now and then."""

from __future__ import annotations

import pytest
from assets import Happening, Run

from falcohost.pipeline.undecided import MOST, QUIET

CUT = Happening(note="abcdefgh", cut=4)


def due(run):
    """Return which rules are told of as undecided, with the fields to blame and the number of events."""
    return [tuple(one) for one in run.pipeline.undecided.due()]


@pytest.mark.parametrize(
    ("condition", "told", "undecided"),
    [
        ("it.note contains bc", True, False),
        ("it.note contains fg", False, True),
        ("not it.note contains fg", False, True),
        ("it.note contains fg and it.what = logout", False, False),
        ("it.note contains fg or it.what = login", True, False),
        ("it.what = login", True, False),
        ("it.note startswith x", False, False),
        ("it.note endswith fgh", False, True),
        ("it.who = val(it.note)", False, True),
    ],
)
def test_what_is_undecided_does_not_fire(condition, told, undecided):
    """A rule fires where its condition holds whatever the rest is; it is undecided where that hangs on the rest."""
    run = Run("it.note = a", condition)

    assert (["2 ann 1"] if told else []) == run.take(CUT)
    assert ([("rule 2", ("it.note",), 1)] if undecided else []) == due(run)
    assert 0 == run.pipeline.tally.failed


def test_what_is_known_is_decided():
    """Events of which everything is known are decided as ever, between others."""
    run = Run("it.note endswith fgh", output="%it.note of %it.who")

    assert ["abcdefgh of ann"] == run.take(CUT, Happening(note="abcdefgh"), CUT)
    assert [("rule 1", ("it.note",), 2)] == due(run)


def test_outputs_show_what_is_known():
    """The alert of a rule that fires shows the beginning."""
    run = Run("it.note startswith abc", output="%it.note")

    assert ["abcd"] == run.take(CUT)


def test_one_view_is_enough():
    """A rule that another view of the event decides is not undecided."""
    run = Run("it.note endswith fgh")

    assert ["1 ann 1"] == run.take(Happening(note="abcdefgh", cut=4, others=[Happening(note="fgh")]), views=True)
    assert [] == due(run)


def test_only_the_first_rule_counts():
    """With rule_matching: first a rule behind one that fires is neither told nor undecided; one before it may be."""
    run = Run("it.note contains fg", "it.note contains bc", "it.note endswith h", first=True)

    assert ["2 ann 1"] == run.take(CUT)
    assert [("rule 1", ("it.note",), 1)] == due(run)


def test_a_lookup_is_not_waited_for():
    """A rule that hangs on a row as well does not wait for it; the alert says which row was not there."""
    run = Run("it.note contains fg and machine.owner = bob", "it.note contains bc and not machine.owner = bob")
    run.machines.answer("db", owner="bob")

    assert ["2 ann 1"] == run.take(CUT)
    assert ["machine.owner"] == run.sink.alerts[0].fields["falcohost.missing"]
    assert [] == due(run)

    assert [] == run.take(Happening(note="abcdefgh", cut=4, host="db"))
    assert [("rule 1", ("it.note",), 1)] == due(run)


def test_only_the_condition_is_to_blame():
    """What only the output shows leaves nothing undecided: a row that is not there, or the beginning of a text."""
    run = Run("it.note contains fg", output="%machine.owner %it.who")

    assert [] == run.take(Happening(note="abcdefgh", cut=4, host="db"))
    assert [("rule 1", ("it.note",), 1)] == due(run)


def test_told_now_and_then():
    """Each rule is told of at once and then every ten minutes at most, with how often it was undecided meanwhile."""
    run = Run("it.note contains fg")
    run.take(CUT)
    assert [("rule 1", ("it.note",), 1)] == due(run)

    run.take(CUT, CUT)
    run.clock.advance(QUIET - 1)
    assert [] == due(run)

    run.clock.advance(1)
    assert [("rule 1", ("it.note",), 2)] == due(run)
    assert 3 == run.pipeline.undecided.total


def test_few_at_once():
    """Of many rules some are told of at once, the others next time."""
    run = Run(*["it.note contains fg"] * (MOST + 2))
    run.take(CUT)

    assert MOST == len(due(run))
    assert 2 == len(due(run))
