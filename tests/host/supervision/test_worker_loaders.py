"""Workers of a source with a loader: what it prepares, and what becomes of either when the other ends."""

import os
import signal
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from falcohost.host import wire
from falcohost.host.sealed import sealed
from falcohost.host.supervision.loaders import LONGEST_WAIT
from falcohost.host.supervision.loop import Outcome


@pytest.fixture
def prepared(stage):
    """Return a stage whose source has a loader that has prepared everything, and a worker that is open."""
    played = stage()
    loader = played.last()
    hand_up_a_ring(loader)
    played.turn()
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
        message = wire.packed(wire.Descriptors({"ring": 1}, held={"link": 1}))
        socket.send_fds(process._there, [message], [null.fileno()] * 2)


def test_the_worker_of_a_loader(prepared):
    """It is another process, which gets what the loader has handed up, as does the next one; that is one life."""
    assert [[], ["ring"]] == [[*played.kept] for played in prepared.played["one"]]
    assert (1, True) == (prepared.child().lives, prepared.child().ready)
    assert 3 == prepared.is_killed()
    assert ["ring"] == [*prepared.last().kept]


def test_what_a_loader_says_at_once(stage):
    """What arrives together with the word that all is prepared is heard as a loader's, and not as a worker's."""
    played = stage()
    loader = played.last()
    hand_up_a_ring(loader)
    played.turn()
    loader.say(wire.Loaded(), wire.Tampered("a map was changed"), wire.LoadAgain("the rules are others"))
    played.turn()

    assert ("one", wire.Tampered("a map was changed")) in played.heard
    assert ([], 3) == (loader.signals, len(played.played["one"]))
    assert [["ring"], []] == [[*one.kept] for one in played.played["one"][1:]]
    for one in played.child().loaders:
        one.bury()


def test_a_loader_that_ends_before_it_is_known_to_be_one(stage, caplog):
    """It ends as a loader does, and its worker and its last words are not forgotten."""
    played = stage()
    played.last().say(wire.Loaded(), wire.Failed("its probe was refused"))
    played.last().hang_up()
    played.last().end()
    played.turn()
    worker = played.child().process
    played.turn()

    assert "its loader has ended: its probe was refused" in caplog.text
    assert ([("one", "loader", "its probe was refused")], worker) == (played.deaths, played.child().process)
    assert worker is not None
    for one in played.child().loaders:
        one.bury()


@pytest.mark.parametrize("begin", ["without a loader", "open", "prepared"])
def test_a_worker_that_says_that_it_is_a_loader(stage, begin):
    """It is killed: its source has no loader, or it is open already, or there is a loader."""
    played = stage(loads=begin != "without a loader")
    if begin == "open":
        played.last().say(wire.Ready())
    elif begin == "prepared":
        played.last().say(wire.Loaded())
    played.turn()
    worker = played.last()
    worker.say(wire.Loaded())
    played.turn()

    assert [signal.SIGKILL] == worker.signals
    assert "what only a loader says" in played.child().error
    assert worker is played.last()
    if begin == "prepared":
        played.child().preparation.bury()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"\x01\x00\x00\x00\xc1", "invalid message"),
        (wire.Descriptors({"ring": 1}), "other descriptors than it has to send"),
        (wire.Ready(), "what only a worker says"),
    ],
)
def test_a_loader_that_says_what_no_loader_says(prepared, caplog, said, why):
    """It is killed, as a worker is, and another one takes its place."""
    prepared.loader.say(said)
    prepared.turn()

    assert [signal.SIGKILL] == prepared.loader.signals
    prepared.loader.end("killed by SIGKILL")
    prepared.turn()
    assert why in caplog.text
    prepared.let_pass(0.1)
    assert prepared.child().next_preparation is not None


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
    assert 3 == prepared.is_killed()
    assert 4 == prepared.is_killed()


def test_a_prepared_worker_that_fails_is_back_soon(prepared):
    """What is prepared goes on collecting, so that it is not left alone for long, however often the worker fails."""
    for _ in range(8):
        prepared.last().say(wire.Ready(), wire.Failed("its helper was killed"))
        count = prepared.fails()
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


def test_new_rules_while_the_worker_is_replaced(prepared):
    """One that has begun with the new rules is not told of them again, which it could only answer wrongly."""
    data = {"one": sealed("one", b"new")}
    prepared.workers.go_over(5, SimpleNamespace(workers=data, assignment=SimpleNamespace(facts={"one": ()})))
    prepared.is_killed()
    prepared.loader.say(wire.RulesTaken(5))
    prepared.turn()

    assert [] == prepared.last().hear()
    assert ("one", wire.RulesTaken(5)) == prepared.heard[-1]


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


def test_a_loader_that_is_ready_before_there_is_a_worker(prepared):
    """What the former loader's probe has collected is read first, by a worker that is there soon."""
    prepared.last().say(wire.Failed("its helper was killed"))
    prepared.fails()
    loader = next_loader(prepared)
    hand_up_a_ring(loader)
    prepared.turn()
    loader.say(wire.Loaded())
    prepared.turn()
    prepared.let_pass(1)
    worker = prepared.last()
    ring = prepared.child().preparation.kept.descriptors["ring"]
    assert ([], ring) == (worker.signals, worker.kept["ring"])
    worker.say(wire.Ready())
    prepared.let_pass(0.1)

    assert [signal.SIGTERM] == worker.signals
    ends_as_asked(prepared, worker)
    assert ring != prepared.last().kept["ring"]
    prepared.loader = loader


def ends_as_asked(stage, worker, *, stored=True):
    """Have the worker end as it was told to."""
    worker.say(wire.Ended(asked=True, stored=stored))
    worker.end("ended with status 0")
    stage.turn()


@pytest.mark.parametrize("how", ["killed", "not stored"])
def test_a_worker_that_ends_before_it_has_told_all(prepared, how):
    """Another one reads what is left of the former loader's probe, which is kept until then."""
    worker, ring = prepared.last(), prepared.child().preparation.kept.descriptors["ring"]
    loader = next_loader(prepared)
    hand_up_a_ring(loader)
    prepared.turn()
    loader.say(wire.Loaded())
    prepared.turn()
    assert [signal.SIGTERM] == worker.signals
    if how == "killed":
        worker.end("killed by SIGKILL")
        prepared.turn()
    else:
        ends_as_asked(prepared, worker, stored=False)
    second = prepared.last()
    assert (ring, []) == (second.kept["ring"], second.signals)
    assert all(map(os.fstat, ring))
    second.say(wire.Ready())
    prepared.let_pass(0.1)
    prepared.let_pass(0.1)
    assert [signal.SIGTERM] == second.signals
    ends_as_asked(prepared, second)

    assert ring != prepared.last().kept["ring"]
    assert (how == "killed") == (("one", "worker", "killed by SIGKILL") in prepared.deaths)
    prepared.loader = loader


def test_a_loader_when_no_worker_comes(prepared, caplog):
    """It is not waited for longer than ten seconds: perhaps no worker can read what is left."""
    prepared.last().say(wire.Failed("no"))
    prepared.fails()
    loader = next_loader(prepared)
    hand_up_a_ring(loader)
    prepared.turn()
    loader.say(wire.Loaded())
    prepared.turn()
    before = prepared.child().preparation
    for _ in range(9):
        prepared.let_pass(1)
    assert before is prepared.child().preparation
    for _ in range(2):
        prepared.let_pass(1)

    assert before is not prepared.child().preparation
    assert "not all was read that the former loader's probe has collected" in caplog.text
    assert ["one"] == prepared.unread
    prepared.loader = loader


def test_a_store_that_takes_nothing_for_long(prepared):
    """As long as workers come that read what is left, the next loader waits: ten minutes, then an alert is raised."""
    worker = prepared.last()
    loader, former = next_loader(prepared), prepared.child().preparation
    hand_up_a_ring(loader)
    prepared.turn()
    loader.say(wire.Loaded())
    prepared.turn()
    for _ in range(int(LONGEST_WAIT / 5) - 1):
        ends_as_asked(prepared, worker, stored=False)
        worker = prepared.last()
        worker.say(wire.Ready())
        prepared.turn()
        prepared.let_pass(5)
        assert former is prepared.child().preparation
    assert [] == prepared.unread
    prepared.let_pass(6)

    assert former is not prepared.child().preparation
    assert ["one"] == prepared.unread
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
    ends_as_asked(prepared, worker)
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
