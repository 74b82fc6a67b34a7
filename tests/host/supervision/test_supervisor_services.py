"""A whole run of the supervisor: what becomes of the store and the outputs, and of alerts on their way."""

import json
import os
import signal

import msgspec
import pytest
from played import Sink, of

from falcohost.errors import OutputClosed, OutputError
from falcohost.host import wire
from falcohost.host.supervision.loop import Outcome
from falcohost.store.store import Store


class Closed(Sink):
    """An output without a reader."""

    def deliver(self, alerts):
        """Refuse them."""
        raise OutputClosed("nobody reads")


def test_a_cursor_is_acknowledged_when_its_alerts_are_stored(supervised, stored):
    """A worker is told of its cursor when its alerts are stored; the cursor of a source that has ended is gone."""
    stage, supervisor = supervised("one")
    seen = []

    def look():
        stage.last().store.read()
        if (cursor := stage.last().store.written()) is None:
            return False
        seen.append((cursor, stored()))
        return True

    def end():
        stage.last().store_alerts(ended=True)
        stage.last().say(wire.Ended())

    stage.script(
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a"), cursor="1", rewinds=True),
        look,
        end,
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert [("1", (["id-a"], "1"))] == seen
    assert "   rule a: 1\n" in supervisor.summary.text()
    assert stored() == (["id-a"], None)  # who reads it again wants all of it again


def test_the_run_fails_when_no_output_is_left(supervised):
    """When nobody reads alerts any more there is nothing left to run for, and workers are told to end."""
    stage, supervisor = supervised("one", sink=Closed)

    def begin():
        stage.last().ends_by = signal.SIGTERM
        stage.last().say(wire.Ready())
        stage.last().store_alerts(of("one", "a"))

    stage.script(begin)

    assert supervisor.run() is Outcome.FAILED
    assert "no output is left: the reader of sink is gone" == supervisor.loop.error
    assert [signal.SIGTERM] == stage.last().signals


def test_an_output_that_cannot_be_opened(supervised):
    """The run does not begin, and says why."""
    stage, supervisor = supervised("one", sink=lambda _: OutputError("no such folder"))

    assert supervisor.run() is Outcome.FAILED
    assert ("no such folder", []) == (supervisor.loop.error, stage.played["one"])


def test_a_store_that_is_killed(supervised, stored, caplog):
    """Another takes its place at once; alerts that were on their way are stored once, and the loss is an alert."""
    stage, supervisor = supervised("one")
    killed = []

    def kill():
        killed.append(supervisor.services._store._process.pid)
        os.kill(killed[0], signal.SIGKILL)
        stage.last().store_alerts(of("one", "b"))

    def hear():
        stage.last().hear()
        stage.last().store.read()
        return stage.last().store.empty

    stage.script(
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a")),
        lambda: stage.sink.told == ["rule a"],
        lambda: stage.clock.advance(2),
        kill,
        hear,
        lambda: stage.last().say(wire.Ended()),
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    ids, _ = stored()
    assert ["id-a", "id-b"] == [one for one in ids if one.startswith("id-")]
    assert ["rule a", "rule b"] == [line for line in stage.sink.told if line.startswith("rule")]
    assert "Falcohost internal: process restarted" in stage.sink.told
    assert f"the store process (pid {killed[0]}) has ended and is started again: killed by SIGKILL" in caplog.messages
    assert "   rule a: 1\n" in supervisor.summary.text()


@pytest.fixture
def poisoned(monkeypatch):
    """Have the store process end whenever it is to store the alert b."""
    append = Store.append

    def end_of_it(self, arrivals, answers=()):
        if any(one.id == "id-b" for arrival in arrivals for one in arrival.alerts):
            os._exit(3)
        return append(self, arrivals, answers)

    monkeypatch.setattr(Store, "append", end_of_it)


def test_a_message_that_ends_the_store(supervised, stored, poisoned, tmp_path):
    """The second time it is kept aside, with an alert that says whose it was; all else is stored, once."""
    stage, supervisor = supervised("one", "two")

    def send():
        for source, name in (("one", "a"), ("one", "b"), ("one", "c"), ("two", "d")):
            stage.last(source).store_alerts(msgspec.structs.replace(of(source, "a"), id=f"id-{name}"))

    def hear():
        if not supervisor.services._store.alive:
            stage.clock.advance(2)  # it is replaced after a delay
        for name in ("one", "two"):
            stage.last(name).hear()
            stage.last(name).store.read()
        return all(stage.last(name).store.empty for name in ("one", "two"))

    stage.script(
        *(lambda name=name: stage.last(name).say(wire.Ready()) for name in ("one", "two")),
        send,
        hear,
        *(lambda name=name: stage.last(name).say(wire.Ended()) for name in ("one", "two")),
        *(lambda name=name: stage.last(name).end("") for name in ("one", "two")),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert {"id-a", "id-c", "id-d"} == {one for one in stored()[0] if one.startswith("id-")}
    assert 2 == stage.sink.told.count("Falcohost internal: process restarted")
    assert 1 == stage.sink.told.count("Falcohost internal: message kept aside")
    (line,) = (tmp_path / "state" / "state.aside.jsonl").read_text().splitlines()
    aside = json.loads(line)
    assert ("one", 2, 1) == (aside["source"], aside["number"], len(aside["alerts"]))


@pytest.mark.parametrize("name", ["_store", "_outputs"])
def test_one_that_is_stopped(supervised, stored, caplog, name):
    """A store or outputs that somebody has stopped are replaced; alerts that were on their way are stored and told."""
    stage, supervisor = supervised("one")

    def stop():
        os.kill(getattr(supervisor.services, name)._process.pid, signal.SIGSTOP)
        stage.last().store_alerts(of("one", "b"))

    def look():
        if "is killed" not in caplog.text:
            stage.clock.advance(5.1)
        stage.last().hear()
        stage.last().store.read()
        return {"rule a", "rule b", "Falcohost internal: process restarted"} <= set(stage.sink.told)

    stage.script(
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a")),
        lambda: stage.sink.told == ["rule a"],
        stop,
        look,
        lambda: stage.last().say(wire.Ended()),
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert "is killed: it was stopped by a signal" in caplog.text
    assert ["id-a", "id-b"] == [one for one in stored()[0] if one.startswith("id-")]


def test_outputs_that_are_killed(supervised, stored, caplog):
    """Another process takes its place at once, and goes on at the marks; the loss is an alert."""
    stage, supervisor = supervised("one")

    def kill():
        os.kill(supervisor.services._outputs._process.pid, signal.SIGKILL)
        stage.last().store_alerts(of("one", "b"))

    stage.script(
        lambda: stage.last().say(wire.Ready()),
        lambda: stage.last().store_alerts(of("one", "a")),
        lambda: stage.sink.told == ["rule a"],
        lambda: stage.clock.advance(2),
        kill,
        lambda: "rule b" in stage.sink.told,
        lambda: stage.last().say(wire.Ended()),
        lambda: stage.last().end(""),
    )

    assert supervisor.run() is Outcome.STOPPED
    assert "Falcohost internal: process restarted" in stage.sink.told
    assert ["rule a", "rule b"] == sorted({line for line in stage.sink.told if line.startswith("rule")})
