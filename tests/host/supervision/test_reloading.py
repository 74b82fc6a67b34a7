"""A reload: loaded elsewhere, then taken; what is wrong with it is an alert, and the agent stays with what it has."""

import signal
from types import SimpleNamespace

import pytest

from falcohost.errors import RulesError
from falcohost.host import wire
from falcohost.host.missing_files import MissingFiles
from falcohost.host.sealed import sealed
from falcohost.host.supervision.loop import Loop, Outcome
from falcohost.host.supervision.reader import Reader
from falcohost.host.supervision.reloading import PATIENCE, Reloading
from falcohost.testing.clock import ManualClock

#: What a reader hands over, as far as a reload looks at it.
NEW = SimpleNamespace(assignment=SimpleNamespace(sources=[SimpleNamespace(name=one) for one in ("first", "second")]))


def silent(load):
    """Return what starts a reader whose result is what *load* returns, in place of memfds."""

    class Simple(Reader):
        def _handed(self):
            return NEW if self._memfds else None

    def hand(teller):
        if (found := load()) is not None:
            teller.hand(found, sealed("test", b""))
        return found is not None

    return lambda: Simple(hand, silent=True)


@pytest.fixture
def reloading(raised):
    """Return a function that sets up a reload which loads in a certain way; and its loop, and what was taken."""

    def reloading(load):
        loop, taken = Loop(), []
        return Reloading(silent(load), lambda *new: taken.append(new), loop, raised.internal), loop, taken

    return reloading


def finish(loop, done):
    """Have the loop go on until something is done."""
    for _ in range(60):
        if done():
            return
        loop.turn()
    raise AssertionError("the trial does not end")


def test_new_rules_are_numbered_and_taken(reloading, caplog):
    """Valid rules are loaded; a worker's answer to them is reported, an answer to earlier rules is not."""
    caplog.set_level("INFO")
    one, loop, taken = reloading(lambda: "new rules")
    for number in (1, 2):
        one.begin("SIGHUP received")
        finish(loop, lambda number=number: len(taken) == number)
    one.taken("first", wire.RulesTaken(1))
    one.taken("second", wire.RulesTaken(2))
    one.taken("third", wire.RulesTaken(2, "no memory"))

    assert [(1, NEW), (2, NEW)] == taken
    assert loop.outcome is None
    assert [
        "SIGHUP received, checking configuration and rules...",
        "SIGHUP received, checking configuration and rules...",
        "Event source 'second' now uses the new rules",
        "event source 'third' keeps its former rules: no memory",
    ] == caplog.messages


def test_what_is_wrong_is_an_alert(reloading, raised):
    """Falco's alert says what is wrong, and nothing is taken."""

    def load():
        raise RulesError("no such list")

    one, loop, taken = reloading(load)
    one.begin("SIGHUP received")
    finish(loop, lambda: raised.alerts)

    assert ([], None) == (taken, loop.outcome)
    assert "Falco internal: hot restart failure" == raised.alerts[0].rule
    assert "Falco internal: hot restart failure: no such list" == raised.alerts[0].message
    assert {"reason": "no such list"} == dict(raised.alerts[0].fields)


def test_where_more_than_rules_is_new(reloading, monkeypatch):
    """The agent ends, to be started again."""
    monkeypatch.setattr("falcohost.host.supervision.reader.command", lambda: ["/bin/true"])
    monkeypatch.setattr("sys.executable", "/bin/true")
    one, loop, taken = reloading(lambda: None)
    one.begin("SIGHUP received")
    finish(loop, lambda: loop.outcome)

    assert ([], Outcome.RESTART) == (taken, loop.outcome)


def test_what_changes_during_a_trial_is_tried_after_it(reloading, caplog):
    """The trial may have read the files before: there is another one behind it, and only one."""
    caplog.set_level("INFO")
    one, loop, taken = reloading(lambda: "new rules")
    one.begin("SIGHUP received")
    one.begin("Files have changed")
    one.begin("Files have changed")
    finish(loop, lambda: len(taken) == 2)
    loop.turn(0.1)

    assert [(1, NEW), (2, NEW)] == taken
    assert [
        "SIGHUP received, checking configuration and rules...",
        "Files have changed, checking configuration and rules...",
    ] == caplog.messages


def test_a_trial_that_does_not_end(raised):
    """It is ended after a while, with an alert that says so; the next one is tried."""
    clock = ManualClock()
    loop, taken, hangs = Loop(clock), [], [True]
    load = silent(lambda: signal.pause() if hangs else "new rules")
    one = Reloading(load, lambda *new: taken.append(new), loop, raised.internal)
    one.begin("SIGHUP received")
    clock.advance(PATIENCE)
    finish(loop, lambda: raised.alerts)
    hangs.clear()
    one.begin("SIGHUP received")
    finish(loop, lambda: taken)

    reason = f"checking configuration and rules took more than {PATIENCE:g} s, and was ended"
    assert {"reason": reason} == dict(raised.alerts[0].fields)
    assert [(1, NEW)] == taken


def test_missing_files_are_waited_for(raised):
    """Files that a trial finds missing are reported to the file watcher."""

    def load():
        raise MissingFiles("no such files", ["/one", "/two\udc80"])

    loop, waited = Loop(), []
    one = Reloading(silent(load), lambda *new: None, loop, raised.internal, waited.extend)
    one.begin("SIGHUP received")
    finish(loop, lambda: waited)

    assert ["/one", "/two\udc80"] == waited


def test_a_trial_is_given_up_with_the_run(reloading):
    """Nothing is left of a trial that runs when the agent ends."""
    one, loop, taken = reloading(signal.pause)
    with one:
        one.begin("SIGHUP received")

    assert ([], None) == (taken, loop.outcome)
