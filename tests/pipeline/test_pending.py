"""Matches that hang on a row of a lookup wait for it, and nothing passes them that must not."""

from __future__ import annotations

import pytest
from assets import WAIT, Happening, Run

from falcohost.engine.condition_values import kept_values
from falcohost.events import Batch
from falcohost.lookups import GIVEN_UP
from falcohost.pipeline import pending


def test_a_match_waits_for_its_row():
    """The alert comes when the row has come, with the values that the row has."""
    run = Run("machine.owner = bob", output="%it.who did %it.what on a machine of %machine.owner")
    assert [] == run.take(Happening())

    run.machines.answer("web", owner="bob")
    assert ["ann did login on a machine of bob"] == run.take()


@pytest.mark.parametrize(("condition", "told"), [("machine.owner = bob", False), ("not machine.owner = bob", True)])
def test_a_row_that_is_given_up(condition, told):
    """It counts as absent at once, also where an event waits already; it is counted, and the alert says so."""
    run = Run(condition)
    run.take(Happening(who="ann"))
    run.machines.rows["web"] = GIVEN_UP
    run.machines.news = True

    assert ([["1 ann 1"], ["1 eve 1"]] if told else [[], []]) == [run.take(), run.take(Happening(who="eve"))]
    assert [("machine.owner",)] * len(run.sink.alerts) == [
        tuple(alert.fields["falcohost.missing"]) for alert in run.sink.alerts
    ]
    assert 2 == run.lookup.late
    assert 2 <= run.lookup.given_up


@pytest.mark.parametrize(
    ("condition", "owner", "told"),
    [
        ("machine.owner = bob", "bob", True),
        ("machine.owner = bob", "eve", False),
        ("not machine.owner = bob", "bob", False),
        ("not machine.owner = bob", "eve", True),
        ("not (it.what = login and not machine.owner in (bob, eve))", "eve", True),
        ("not machine.owner exists", "eve", False),
        ("machine.owner startswith b and len(machine.owner) = 3", "bob", True),
        ("it.who = val(machine.owner)", "ann", True),
    ],
)
def test_the_row_decides(condition, owner, told):
    """A possible match is reported or not as the row decides, also under ``not``."""
    run = Run(condition)
    assert [] == run.take(Happening())

    run.machines.answer("web", owner=owner)
    assert (["1 ann 1"] if told else []) == run.take()


def test_a_row_that_is_there_holds_nothing_back():
    """Where the row is known the match is told at once."""
    run = Run("machine.owner = bob")
    run.machines.answer("web", owner="bob")

    assert ["1 ann 1"] == run.take(Happening())


def test_a_match_that_is_certain_does_not_wait():
    """A row that cannot change the answer, and that the output does not show, is not waited for."""
    run = Run("it.what = login or machine.owner = bob")
    assert ["1 ann 1"] == run.take(Happening())


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("it.what = login", {"it.what": "login"}),
        ("it.what = login and machine.owner = bob", {"it.what": "login"}),
        ("it.what = login and it.site = here", {"it.what": "login", "it.site": "here"}),
    ],
)
def test_what_the_condition_read_is_kept(condition, kept):
    """An alert that has waited keeps the values that its condition read, as one does that has not."""
    run = Run(condition, output="on a machine of %machine.owner")
    assert [] == run.take(Happening(site="here"))

    run.machines.answer("web", owner="bob")
    run.take()
    assert [kept] == [kept_values(alert.read) for alert in run.sink.alerts]


def test_what_the_output_shows_is_waited_for():
    """A rule that is certain waits all the same for a row that its output shows."""
    run = Run("it.what = login", output="on a machine of %machine.owner at %it.site")
    assert [] == run.take(Happening(site="here"))

    run.machines.answer("web", owner="bob")
    assert ["on a machine of bob at here"] == run.take()


def test_copies_are_told():
    """Later changes of the event, and of the data that its getters read, have no effect on a pending match."""
    run = Run("it.what = login and machine.owner = bob", output="%it.who %it.what %evt.time.iso8601")
    happening = Happening()
    run.take(happening)
    happening.what = happening.who = happening.host = "another"
    happening.ts = 0
    run.machines.answer("web", owner="bob")

    assert ["ann login 2023-11-14T22:13:20.000000000+0000"] == run.take()


def test_a_copy_has_the_same_id():
    """A match that waits has the id that it has when its event is read again, and the row is there at once."""
    run = Run("it.what = login and machine.owner = bob")
    happening = Happening()
    happening.own_time = happening.ts
    run.take(happening, cursor="1")
    run.machines.answer("web", owner="bob")
    run.take()
    run.take(happening, cursor="2")

    first, again = run.sink.alerts
    assert first.id == again.id
    assert first.id.startswith(f"{happening.ts // 10**9:08x}")


def test_at_the_limit_the_value_is_absent():
    """After the time that a match waits at most its row counts as none; the alert names what is missing."""
    run = Run("not machine.owner = bob", "machine.owner = bob", output="owner %machine.owner")
    run.take(Happening())
    run.clock.advance(WAIT - 0.1)
    assert [] == run.take()

    run.clock.advance(0.1)
    assert ["owner <NA>"] == run.take()
    assert ["machine.owner"] == run.sink.alerts[0].fields["falcohost.missing"]
    assert 2 == run.lookup.late


def test_an_alert_with_all_values_says_nothing_of_missing_ones():
    """Only where something is missing an alert says so."""
    run = Run("machine.owner = bob")
    run.machines.answer("web", owner="bob")
    run.take(Happening())

    assert "falcohost.missing" not in run.sink.alerts[0].fields


def test_a_field_of_the_source_is_filled_where_it_is_absent():
    """Where the source knows the value the lookup is not asked; else the row has it."""
    run = Run("it.site = north")
    assert ["1 ann 1"] == run.take(Happening(site="north"))
    assert [] == run.take(Happening(site="south"))
    assert [] == run.machines.asked

    assert [] == run.take(Happening())
    run.machines.answer("web", site="north")
    assert ["1 ann 1"] == run.take()


def test_an_event_without_a_key_has_no_row():
    """Where a part of the key is absent the lookup is not asked, and the value is absent."""
    run = Run("not machine.owner = bob")

    assert ["1 ann 1"] == run.take(Happening(host=None))
    assert [] == run.machines.asked


def test_no_cursor_passes_a_match_that_waits():
    """Cursors, also of later batches, come when all that was before them is decided; other alerts pass."""
    run = Run("it.what = login and machine.owner = bob", "it.what = read")
    assert [] == run.take(Happening(), cursor="a")
    assert ["2 eve 1"] == run.take(Happening(who="eve", what="read"), cursor="b")
    assert [] == run.take(Happening(host="db", num=2), cursor="c")

    run.machines.answer("web", owner="bob")
    assert ["1 ann 1", "cursor a", "cursor b"] == run.take(cursor="d")
    run.machines.answer("db")
    assert ["cursor c", "cursor d", "cursor e"] == run.take(cursor="e")


def test_alerts_of_one_actor_keep_their_order():
    """Later events of the same actor wait too, whether or not they need a row; events of others pass."""
    run = Run("it.what = login and machine.owner = bob", "it.what = read")
    run.take(Happening(num=1))
    assert ["2 eve 3"] == run.take(Happening(what="read", num=2), Happening(who="eve", what="read", num=3))
    run.take(Happening(host="db", num=4))

    run.machines.answer("db", owner="bob")
    assert [] == run.take()
    run.machines.answer("web", owner="bob")
    assert ["1 ann 1", "2 ann 2", "1 ann 4"] == run.take()


def test_what_has_no_actor_waits_alone():
    """Events that do not say who did them do not wait for each other."""
    run = Run("machine.owner = bob")
    run.take(Happening(who=None, num=1), Happening(who=None, host="db", num=2))
    run.machines.answer("db", owner="bob")

    assert ["1 <NA> 2"] == run.take()


@pytest.mark.parametrize(
    ("owner", "told"), [("bob", ["1 ann 1"]), ("eve", ["2 ann 1"]), ("joe", ["3 ann 1"]), (None, ["3 ann 1"])]
)
def test_the_first_rule_that_matches_is_told(owner, told):
    """With ``rule_matching: first`` the first in order counts, once it is known which that is."""
    run = Run("machine.owner = bob", "machine.owner = eve", "it.what = login", "it.who = ann", first=True)
    assert [] == run.take(Happening())

    run.machines.answer("web", **({} if owner is None else {"owner": owner}))
    assert told == run.take()


def test_the_view_is_told_that_matches():
    """Of an event's views, the first is told in which the rule turns out to hold."""
    run = Run("machine.owner = bob", output="%it.host")
    happening = Happening(host="web", others=(Happening(host="db"), Happening(host="mail")))
    assert [] == run.take(happening, views=True)

    run.machines.answer("web", owner="eve")
    run.machines.answer("mail", owner="bob")
    assert [] == run.take()
    run.machines.answer("db", owner="bob")
    assert ["db"] == run.take()


def test_the_rules_decide_that_made_a_candidate():
    """New rules do not decide what waits, and their answer waits behind it."""
    run = Run("machine.owner = bob")
    run.take(Happening())
    done = []
    run.pipeline.go_over(run.compiled("it.what = read"), lambda: done.append("taken"))
    assert ["1 eve 2"] == run.take(Happening(who="eve", what="read", num=2))
    assert [] == done

    run.machines.answer("web", owner="bob")
    assert ["1 ann 1"] == run.take()
    assert ["taken"] == done


def test_too_many_do_not_wait(monkeypatch):
    """Beyond the bound the oldest is decided with what is there, and counted."""
    monkeypatch.setattr(pending, "MOST_WAITING", 2)
    run = Run("not machine.owner = bob")

    assert ["1 a 1", "1 b 2"] == run.take(*(Happening(who=who, num=num) for num, who in enumerate("abcd", 1)))
    assert 2 == run.pipeline.pending.crowded
    assert 2 == len(run.pipeline.pending)


class Passing:
    """A clock that moves on when somebody waits."""

    def __init__(self, run):
        self.run = run

    def monotonic(self):
        """Return the time."""
        return self.run.clock.monotonic()

    def wait_for(self, condition, predicate, timeout=None):
        """Let the time pass."""
        self.run.clock.advance(timeout)
        return predicate()


@pytest.mark.parametrize(("by", "seconds"), [(None, WAIT), (0.5, 0.5)])
def test_the_end_waits_for_what_waits(by, seconds):
    """At the end everything is decided: when its row comes, at its limit, or at the time that is given."""
    run = Run("not machine.owner = bob")
    run.take(Happening(), cursor="a")
    run.pipeline.pending._clock = Passing(run)
    run.pipeline.finish(by)

    assert ["1 ann 1", "cursor a"] == run.since()
    assert seconds == pytest.approx(run.clock.monotonic(), abs=0.02)


def test_waiting_matches_are_folded_with_others():
    """Events that waited count in the same windows as those that did not."""
    run = Run("not machine.owner = bob")
    run.pipeline.fold._after = 3
    run.machines.answer("db", owner="eve")
    run.take(*(Happening(host="db", num=num) for num in (1, 2)))
    run.take(*(Happening(num=num) for num in (3, 4, 5, 6)))
    run.machines.answer("web", owner="eve")
    run.take()
    run.pipeline.finish()

    assert [1, 1, 1, 3] == [alert.count for alert in run.sink.alerts]
    assert {"rule 1": 6} == run.pipeline.tally.rules


def test_only_matches_are_counted():
    """A pending event that does not match in the end is not counted as a match."""
    run = Run("machine.owner = bob")
    run.take(Happening())
    run.machines.answer("web", owner="eve")
    run.take()

    assert ({}, {}) == (run.pipeline.tally.rules, run.pipeline.tally.hit)


def test_a_lookup_that_no_rule_reads_is_not_made():
    """Without a rule that reads one of its fields a lookup is neither opened nor asked."""
    run = Run("it.what = login")
    run.take(Happening())
    run.pipeline.close()

    assert (0, [], 0) == (run.machines.made, run.machines.asked, run.machines.closed)


def test_a_lookup_is_opened_and_closed_once():
    """Rules that are taken over later find it open."""
    run = Run("machine.owner = bob")
    run.pipeline.open_lookups(run.compiled("machine.owner = eve"))
    run.pipeline.close()

    assert (1, 1) == (run.machines.made, run.machines.closed)


def test_a_lookup_that_raises_has_no_rows(caplog):
    """A failure is logged and counted, and the value is absent."""
    run = Run("not machine.owner = bob")
    run.machines.find = lambda key: 1 / 0

    assert ["1 ann 1"] == run.take(Happening())
    assert run.lookup.failed
    assert "lookup 'machines' failed" in caplog.text


def test_a_rule_that_cannot_be_decided_ends_the_wait(caplog):
    """A row that the lookup's field cannot read costs that event, and nothing behind it."""
    run = Run("machine.owner = bob")
    run.take(Happening(num=1), Happening(host="db", num=2), cursor="a")
    run.machines.rows["web"] = 5
    run.machines.answer("db", owner="bob")

    assert ["1 ann 2", "cursor a"] == run.take()
    assert 1 == run.pipeline.tally.failed


def test_a_match_decided_in_a_batch_without_a_cursor_may_come_again():
    """The store has to know such an alert again, though the batch that decides it has no cursor."""
    run = Run("machine.owner = ann")
    run.take(Happening(), cursor="1")
    run.take()
    run.machines.answer("web", owner="ann")
    run.take()

    assert [True] == run.sink.rewinding


def test_a_source_hears_when_all_is_stored():
    """What a batch wants to hear comes when the alerts of its events are stored, also those that wait for a row."""
    run, heard = Run("machine.owner = bob"), []
    run.pipeline.take(Batch([Happening()], stored=lambda: heard.append("first")))
    run.pipeline.take(Batch([], stored=lambda: heard.append("second")))
    assert [] == heard

    run.machines.answer("web", owner="bob")
    assert ["1 ann 1"] == run.take()
    assert ["first", "second"] == heard


def test_events_that_are_read_again():
    """Alerts of events that an earlier worker may have read are marked, and those behind them are not."""
    run = Run("it.what = login")
    for again in (False, True, False):
        run.pipeline.take(Batch([Happening()], stored=lambda: None, again=again))

    assert [False, True, False] == run.sink.rewinding
