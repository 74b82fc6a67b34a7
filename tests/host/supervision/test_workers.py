"""Workers: what becomes of them when they fail, end, are renewed, told to stop, or say what nobody can read."""

import os
import signal
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from falcohost.alert import NO_METADATA, Priority
from falcohost.engine.facts import RuleFacts
from falcohost.host import data, wire
from falcohost.host.numbers import Numbers
from falcohost.host.sealed import sealed
from falcohost.host.supervision.backoff import MOST_AT_ONCE, SOON, SPAN
from falcohost.host.supervision.deaths import Deaths
from falcohost.host.supervision.loop import Outcome
from falcohost.host.supervision.workers import GRACE
from falcohost.store.admission import Admission
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert

#: Facts of the rules of alerts that tests make.
FACTS = {f"rule {name}": RuleFacts(Priority.WARNING, ("test",), NO_METADATA) for name in "ab"}

#: A large message.
LARGE = wire.Secrets(["x" * 4000] * 100)


def fails(stage, name="one"):
    """Have the source's worker fail; return how many processes it has had since it began."""
    stage.last(name).end()
    stage.turn()
    return len(stage.played[name])


def test_messages_are_heard_in_order(stage):
    """A worker's messages are passed on with its source, also those just before its end."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready(), wire.LogLine(20, "c"))
    stage.last("two").say(wire.Ready())
    stage.turn()
    stage.last("two").say(wire.LogLine(20, "the last"))
    stage.last("two").end()
    stage.turn()

    assert [wire.Ready(), wire.LogLine(20, "c")] == [message for name, message in stage.heard if name == "one"]
    assert [wire.Ready(), wire.LogLine(20, "the last")] == [message for name, message in stage.heard if name == "two"]


def test_a_large_message_before_the_end(stage):
    """A message that is too large to be read at once, and what is behind it, is not lost when its worker ends."""
    stage = stage()
    messages = [LARGE, wire.LogLine(20, "the last")]
    stage.last().say(*messages)

    assert messages == list(stage.child().drain())


def test_what_a_worker_said_last_is_heard(stage):
    """All that a worker had sent when it ended is received, even if that takes several reads."""
    stage = stage()
    messages = [LARGE, wire.Ready(), wire.LogLine(20, "the last")]
    stage.last().say(*messages)
    stage.last().end()
    stage.turn()

    assert messages == [message for _, message in stage.heard]
    assert not stage.child().alive


def test_back_off(stage, caplog):
    """A worker that fails is started again, twice as long after each time, half a minute at most."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    for delay in (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0):
        count = fails(stage)
        stage.let_pass(delay - 0.01)
        assert count == len(stage.played["one"])
        stage.let_pass(0.02)
        assert count + 1 == len(stage.played["one"])

    assert "'one' (pid 4711): worker failed: ended with status 1; starting it again in 0.2 s" in caplog.text


@pytest.mark.parametrize(("uptime", "processes"), [(59.0, 3), (61.0, 4)])
def test_uptime_resets_the_back_off(stage, uptime, processes):
    """After a minute of uptime the next restart comes soon again."""
    stage = stage()
    stage.last().say(wire.Ready())
    for seconds in (0.2, 0.4):
        fails(stage)
        stage.let_pass(seconds + 0.001)
    stage.let_pass(uptime)
    fails(stage)
    stage.let_pass(0.201)

    assert processes == len(stage.played["one"])


def killed(stage, name="one"):
    """Have the source's worker be killed; return how many processes it has had since it began."""
    stage.last(name).end("killed by SIGKILL")
    stage.turn()
    return len(stage.played[name])


def test_a_worker_that_was_killed_while_all_was_well(stage, caplog):
    """Another one is there at once, also after many; of very many in a row the later ones wait for a moment."""
    stage = stage()
    for count in range(MOST_AT_ONCE):
        stage.last().say(wire.Ready())
        stage.turn()
        assert count + 2 == killed(stage)
    assert "'one' (pid 4711): worker failed: killed by SIGKILL; starting it again at once" in caplog.text

    stage.last().say(wire.Ready())
    stage.turn()
    count = killed(stage)
    stage.let_pass(SOON - 0.01)
    assert count == len(stage.played["one"])
    stage.let_pass(0.01)
    assert count + 1 == len(stage.played["one"])
    stage.let_pass(SPAN)
    stage.last().say(wire.Ready())
    stage.turn()
    assert count + 2 == killed(stage)


def test_ends_that_nobody_asked_for(stage):
    """They are told of; an end that was asked for is not, nor that of a source that was never open."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready())
    stage.turn()
    fails(stage, "two")
    killed(stage, "one")
    assert [("one", "worker", "killed by SIGKILL")] == stage.deaths
    stage.last("one").say(wire.Ready())
    stage.turn()
    stage.child("one").renew()
    stage.last("one").say(wire.Ended(asked=True))
    fails(stage, "one")

    assert 1 == len(stage.deaths)


def test_many_ends_are_few_alerts():
    """The first is an alert at once; those of the next seconds are counted, and told with the one after."""
    alerts, clock = [], ManualClock()
    deaths = Deaths(lambda *alert: alerts.append(alert), clock)
    child = SimpleNamespace(name="one", pid=4711)
    for _ in range(5):
        deaths.tell(child, "worker", "killed by SIGKILL")
        clock.advance(1)
    assert 1 == len(alerts)
    clock.advance(10)
    deaths.tell(child, "worker", "killed by SIGKILL")
    (_, _, text, fields) = alerts[1]

    begun = "the worker of event source 'one' has ended: killed by SIGKILL; it is replaced"
    assert [begun, f"{begun}; so have 4 others since the last such alert"] == [alerts[0][2], text]
    assert {"source": "one", "pid": 4711, "cause": "killed by SIGKILL", "others": 4} == fields


def test_a_worker_that_somebody_else_told_to_end(stage):
    """SIGTERM from a stranger does not end the source: another worker is there at once."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    stage.last().say(wire.Ended(asked=True))
    stage.last().end("ended with status 0")
    stage.turn()

    assert 2 == len(stage.played["one"])
    assert stage.loop.outcome is None


@pytest.fixture
def prepared(stage):
    """Return a stage whose source has a loader that has prepared everything, and a worker that is open."""
    played = stage()
    loader = played.last()
    hand_up_a_ring(loader)
    loader.say(wire.Loaded())
    played.turn()
    played.loader = loader
    played.last().say(wire.Ready())
    played.turn()
    yield played
    for loader in (played.child().preparation, played.child().next_preparation):
        if loader is not None and loader.process is not None:
            loader.bury()


def hand_up_a_ring(process):
    """Have a process hand up one descriptor to keep, and one to hold."""
    with Path("/dev/null").open() as null:
        message = wire.packed(wire.Descriptors({"ring": 1}, held=1))
        socket.send_fds(process._there, [message], [null.fileno()] * 2)


def test_the_worker_of_a_loader(prepared):
    """It is another process, which gets what the loader has handed up, as does the next one; that is one life."""
    assert [[], ["ring"]] == [[*played.kept] for played in prepared.played["one"]]
    assert (1, True) == (prepared.child().lives, prepared.child().ready)
    assert 3 == killed(prepared)
    assert ["ring"] == [*prepared.last().kept]


def test_what_a_loader_has_prepared_is_not_the_workers_to_replace(prepared):
    """A worker that hands up descriptors is compromised, and is killed."""
    before = prepared.child().preparation.kept.descriptors["ring"]
    with Path("/dev/zero").open() as zero:
        message = wire.packed(wire.Descriptors({"ring": 1}))
        socket.send_fds(prepared.last()._there, [message], [zero.fileno()])
    prepared.turn()

    assert before == prepared.child().preparation.kept.descriptors["ring"]
    assert [signal.SIGKILL] == prepared.last().signals


def test_a_worker_that_is_killed_before_it_is_open(prepared):
    """Where everything is prepared it does not matter how far the worker was."""
    assert 3 == killed(prepared)
    assert 4 == killed(prepared)


def test_a_prepared_worker_that_fails_is_back_soon(prepared):
    """What is prepared goes on collecting, so that it is not left alone for long, however often the worker fails."""
    for _ in range(8):
        prepared.last().say(wire.Ready(), wire.Failed("its helper was killed"))
        count = fails(prepared)
        prepared.let_pass(1)
        assert count + 1 == len(prepared.played["one"])


def test_new_rules_go_to_the_loader_first(prepared):
    """The worker has them when the loader has switched; when it cannot, the error is told as the source's."""
    data = {"one": sealed("one", b"new")}
    prepared.workers.go_over(5, SimpleNamespace(workers=data, assignment=SimpleNamespace(facts={"one": ()})))
    prepared.turn()
    assert ([wire.NewRules(5)], []) == (prepared.loader.hear(), prepared.last().hear())
    prepared.loader.say(wire.RulesTaken(5))
    prepared.turn()
    assert [wire.NewRules(5)] == prepared.last().hear()
    prepared.loader.say(wire.RulesTaken(6, "no"))
    prepared.turn()
    assert ("one", wire.RulesTaken(6, "no")) == prepared.heard[-1]
    assert [] == prepared.last().hear()


def next_loader(stage):
    """Have the loader end; return the process of the next one, which is preparing."""
    stage.loader.end("killed by SIGKILL")
    stage.turn()
    return stage.last()


def test_a_loader_that_ends(prepared, caplog):
    """What it has prepared stays, and the worker with it, until the next loader has prepared everything anew."""
    worker, (ring,) = prepared.last(), prepared.child().preparation.kept.descriptors["ring"]
    loader = next_loader(prepared)
    assert "event source 'one': its loader has ended: killed by SIGKILL; another one is started" in caplog.text
    assert [("one", "loader", "killed by SIGKILL")] == prepared.deaths
    assert ({}, []) == (loader.kept, worker.signals)
    assert os.fstat(ring)
    hand_up_a_ring(loader)
    prepared.turn()
    loader.say(wire.Loaded())
    prepared.turn()
    assert [signal.SIGTERM] == worker.signals
    worker.say(wire.Ended(asked=True))
    worker.end("ended with status 0")
    prepared.turn()

    assert 4 == len(prepared.played["one"])
    assert prepared.child().preparation.kept.descriptors == prepared.last().kept
    prepared.loader = loader


def test_a_worker_that_ends_while_there_is_no_loader(prepared):
    """The next one reads on what the former loader has prepared."""
    worker = prepared.last()
    loader = next_loader(prepared)
    worker.end("killed by SIGKILL")
    prepared.turn()
    assert ["ring"] == [*prepared.last().kept]
    loader.end()
    prepared.turn()


def test_a_next_loader_that_fails(prepared, caplog):
    """It is tried again, later each time; the worker goes on."""
    loader = next_loader(prepared)
    for delay in (0.2, 0.4, 0.8):
        loader.say(wire.Failed("the kernel refused it."))
        loader.end()
        prepared.turn()
        assert f"its loader has ended: the kernel refused it; another one is started in {delay} s" in caplog.text
        count = len(prepared.played["one"])
        prepared.let_pass(delay)
        assert count + 1 == len(prepared.played["one"])
        loader = prepared.last()
    assert [] == prepared.played["one"][1].signals
    loader.end()
    prepared.turn()


def test_new_rules_while_there_is_no_loader(prepared):
    """The worker switches at once; the next loader gets them when it has prepared, if it has begun with older ones."""
    worker, loader = prepared.last(), next_loader(prepared)
    data = {"one": sealed("one", b"new")}
    prepared.workers.go_over(5, SimpleNamespace(workers=data, assignment=SimpleNamespace(facts={"one": ()})))
    prepared.turn()
    assert [wire.NewRules(5)] == worker.hear()
    hand_up_a_ring(loader)
    prepared.turn()
    loader.say(wire.Loaded())
    prepared.turn()
    assert [wire.NewRules(5)] == loader.hear()
    prepared.loader = loader


def test_measuring_is_the_loaders_task_too(prepared):
    """Both are told."""
    prepared.workers.measure(True)
    prepared.turn()

    assert ([wire.Measure(True)], [wire.Measure(True)]) == (prepared.loader.hear(), prepared.last().hear())


def test_stopping_ends_the_loader_too(prepared):
    """The run has ended when both are gone."""
    prepared.loop.end(Outcome.STOPPED)
    prepared.workers.stop()
    assert [signal.SIGTERM] == prepared.last().signals == prepared.loader.signals
    prepared.last().end("")
    prepared.turn()
    assert prepared.workers.any_alive
    prepared.loader.end("")
    prepared.turn()

    assert not prepared.workers.any_alive


def test_a_source_that_cannot_be_opened(stage, caplog):
    """Its error is told in its own words, and it is tried again while another source runs."""
    stage = stage("one", "two")
    stage.last("two").say(wire.Ready())
    stage.last("one").say(wire.Failed("no token.", "a trace"))
    stage.turn()
    fails(stage, "one")

    assert "'one' (pid 4711): cannot be opened: no token; starting it again in 0.2 s" in caplog.text
    assert "no token." == stage.child("one").error
    stage.let_pass(0.2)
    assert 2 == len(stage.played["one"])
    assert "" == stage.child("one").error
    assert stage.loop.outcome is None


def test_no_process_can_be_started(stage, caplog):
    """Where the system has no process to give it is asked again later."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    stage.refused = True
    fails(stage)
    stage.let_pass(0.2)
    assert "cannot start a process: Resource temporarily unavailable; starting it again in 0.4 s" in caplog.text
    stage.refused = False
    stage.let_pass(0.4)

    assert 2 == len(stage.played["one"])


def test_each_worker_has_a_link_to_the_store(stage):
    """Each process is given a socket of its own, by which the store knows the source; nobody keeps a copy."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    fails(stage)
    stage.let_pass(0.2)
    (_, former), (name, now) = stage.attached
    stage.last().store_alerts(alert("a"))

    assert "one" == name
    assert b"" == former.recv(1000)
    assert b"rule a" in now.recv(1000)


def test_a_new_store(stage):
    """Workers that run are given sockets to a store that has taken the place of another; their alerts go there."""
    stage = stage()
    stage.last().store_alerts(alert("a"))
    stage.workers.attach_again()
    (_, former), (name, now) = stage.attached
    former.close()
    assert [wire.NewStore()] == stage.last().hear()
    stage.last().store_alerts(alert("b"))
    messages = data.FromSource(Admission("test", "localhost", FACTS)).feed(now.recv(9999))

    assert "one" == name
    assert [["id-a"], ["id-b"]] == [[one.id for one in message.alerts] for message in messages]


def test_numbers_of_all_lives(stage):
    """A source's numbers are the sum over its workers, also while there is none."""
    stage = stage()
    stage.last().say(wire.Ready(), wire.Report(Numbers(5, 4, {"full": 1}), 1.0))
    stage.turn()
    stage.let_pass(2.5)
    fails(stage)
    assert Numbers(5, 4, {"full": 1}) == stage.child().totals
    stage.let_pass(1.0)
    stage.last().say(wire.Ready(), wire.Report(Numbers(1, 1, {"full": 2}), 2.0))
    stage.let_pass(3.0)

    assert Numbers(6, 5, {"full": 3}) == stage.child().totals
    assert (2, 5.5) == (stage.child().lives, round(stage.child().seconds, 3))


def test_the_run_ends_with_its_sources(stage):
    """When every source has come to its end there is nothing left to do."""
    stage = stage("one", "two")
    for name in ("one", "two"):
        assert stage.loop.outcome is None
        stage.last(name).say(wire.Ready(), wire.Ended())
        fails(stage, name)

    assert (Outcome.STOPPED, "") == (stage.loop.outcome, stage.loop.error)


def test_a_source_that_was_never_open_is_not_waited_for(stage):
    """When the others have ended, one that cannot be opened makes the run fail, in its words."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready(), wire.Ended())
    fails(stage, "one")
    stage.last("two").say(wire.Failed("no token"))
    fails(stage, "two")

    assert (Outcome.FAILED, "no token") == (stage.loop.outcome, stage.loop.error)
    stage.let_pass(60)
    assert 1 == len(stage.played["two"])


def test_renewal(stage):
    """A source that is renewed is opened by another worker at once."""
    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    stage.child().renew()
    assert [signal.SIGTERM] == stage.last().signals
    stage.last().say(wire.Ended(asked=True))
    fails(stage)

    assert 2 == len(stage.played["one"])
    assert stage.loop.outcome is None


def test_rubbish(stage, caplog):
    """A worker that sends what is no message is killed, and what it sends later is not read."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready())
    stage.turn()
    stage.last("one").say(b"\x01\x00\x00\x00\xc1")
    stage.turn()
    assert [signal.SIGKILL] == stage.last("one").signals
    stage.last("one").say(wire.LogLine(20, "believe me"))
    fails(stage, "one")

    assert [("one", wire.Ready())] == stage.heard
    assert "worker failed: its worker sent an invalid message" in caplog.text


def test_an_accused_worker(stage, caplog):
    """A worker that the store accuses is killed, and the log says why."""
    stage = stage("one", "two")
    stage.last("one").say(wire.Ready())
    stage.turn()
    stage.workers.accuse("one", "an alert of the source 'two'")
    fails(stage, "one")

    assert ([signal.SIGKILL], []) == (stage.played["one"][0].signals, stage.last("two").signals)
    assert "its worker sent an invalid message (an alert of the source 'two') and was killed" in caplog.text


def test_a_worker_that_does_not_read_is_not_waited_for(stage):
    """Data that does not fit into the socket is sent when the worker reads."""
    stage = stage()
    count = 0
    while not stage.child().link.waits_to_send:
        stage.workers.measure(count % 2 == 0)
        count += 1
    found = []
    while len(found) < count:
        found += stage.last().hear()
        stage.turn()

    assert [wire.Measure(number % 2 == 0) for number in range(count)] == found
    assert not stage.child().link.waits_to_send


def test_measuring(stage):
    """Workers that are there measure when they are told to, and those that are started later too."""
    stage = stage()
    stage.workers.measure(True)
    assert [wire.Measure(True)] == stage.last().hear()
    stage.last().say(wire.Ready())
    stage.turn()
    fails(stage)
    stage.let_pass(0.2)
    assert [wire.Measure(True)] == stage.last().hear()
    stage.workers.measure(False)
    assert [wire.Measure(False)] == stage.last().hear()


def test_stop(stage):
    """Workers are told to stop; who has not ended after some seconds is killed, and nobody is started any more."""
    stage = stage("good", "bad", "failed")
    for name in ("good", "bad", "failed"):
        stage.last(name).say(wire.Ready())
    stage.turn()
    fails(stage, "failed")
    stage.loop.end(Outcome.STOPPED)
    stage.workers.stop()
    stage.last("good").say(wire.Ended(asked=True))
    fails(stage, "good")
    stage.let_pass(GRACE - 0.1)
    assert [signal.SIGTERM] == stage.last("bad").signals
    stage.let_pass(0.1)
    assert [signal.SIGTERM, signal.SIGKILL] == stage.last("bad").signals
    assert stage.workers.any_alive
    fails(stage, "bad")

    assert not stage.workers.any_alive
    assert {"good": 1, "bad": 1, "failed": 1} == {name: len(played) for name, played in stage.played.items()}


def test_a_worker_that_hangs_up(stage):
    """A worker that has closed its end keeps nobody busy until it ends; what it said before that is heard."""
    stage = stage()
    stage.last().say(wire.Ready(), wire.LogLine(20, "good-bye"))
    stage.last().hang_up()
    for _ in range(3):
        stage.turn()
    assert [("one", wire.Ready()), ("one", wire.LogLine(20, "good-bye"))] == stage.heard
    began = time.monotonic()
    stage.loop.turn(0.05)
    assert time.monotonic() - began >= 0.05
    stage.workers.measure(True)
    fails(stage)
    stage.let_pass(0.2)

    assert 2 == len(stage.played["one"])
