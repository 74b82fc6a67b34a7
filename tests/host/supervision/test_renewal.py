"""Certificates and secrets that are new: the source is opened anew where they can be used, and told of where not."""

import os
import signal
import time

import pytest

from falcohost.errors import ConfigError
from falcohost.host import wire
from falcohost.host.supervision.renewal import AGAIN, PATIENCE, Renewals
from falcohost.readable import readable
from falcohost.testing.shortages import no_free_descriptor


@pytest.fixture
def secret(tmp_path):
    """Return a file with a secret."""
    path = tmp_path / "secret"
    path.write_text("old")
    return path


@pytest.fixture
def accepted():
    """Return the sources and files of which a change was accepted."""
    return []


@pytest.fixture
def renewed(stage, secret, accepted):
    """Return a worker whose source has read the secret, and what looks at it; a secret ``bad`` cannot be used."""

    def check(data):
        os.fstat(data)
        if secret.read_text() == "bad":
            raise ConfigError("the secret is too short")
        if secret.read_text() == "slow":
            time.sleep(60)

    stage = stage()
    stage.last().say(wire.Secrets([str(secret)]), wire.Ready())
    stage.turn()
    return stage, Renewals(stage.workers.children, stage.loop, check, lambda *told: accepted.append(told))


def look(stage, renewals):
    """Look at the files; return how many signals the worker has got once the checks have ended."""
    renewals.look()
    for errand in renewals._checks.values():
        readable([errand.finished], 60)
    stage.turn()
    return len(stage.last().signals)


def test_a_new_secret_renews_the_worker(renewed, secret, accepted, caplog):
    """The worker is told to end when a change has settled, once, and the change is told."""
    caplog.set_level("INFO")
    stage, renewals = renewed
    renewals.look()
    secret.write_text("newer")

    assert [0, 1, 1, 1] == [look(stage, renewals) for _ in range(4)]
    assert [signal.SIGTERM] == stage.last().signals
    assert stage.child().renewing
    assert [("one", (str(secret),))] == accepted
    assert ["event source 'one': its certificate or secret has changed; reopening it"] == caplog.messages


def test_a_secret_that_cannot_be_used_changes_nothing(renewed, secret, accepted, caplog):
    """The worker goes on with what it has, which is told, until the secret is good again."""
    stage, renewals = renewed
    renewals.look()
    secret.write_text("bad")

    assert [0, 0, 0] == [look(stage, renewals) for _ in range(3)]
    assert ["event source 'one' keeps its former certificate and secret: the secret is too short"] == (caplog.messages)
    assert [] == accepted
    secret.write_text("good again")
    assert [0, 1, 1] == [look(stage, renewals) for _ in range(3)]


def test_a_check_that_does_not_end(renewed, secret, caplog):
    """It is killed after a while; the supervisor does not wait for it."""
    stage, renewals = renewed
    renewals.look()
    secret.write_text("slow")
    renewals.look()
    renewals.look()
    stage.let_pass(PATIENCE)

    assert 0 == look(stage, renewals)
    assert ["event source 'one' keeps its former certificate and secret: its process was killed"] == caplog.messages


def test_a_worker_names_its_files_before_it_is_open(stage, secret):
    """What it says afterwards, when it has read what others have sent, does not count."""
    stage = stage()
    stage.last().say(wire.Secrets([str(secret)]), wire.Ready(), wire.Secrets(["/etc/shadow"]))
    stage.turn()

    assert (str(secret),) == stage.child().secrets


def test_sources_without_secrets_are_left_alone(stage):
    """A source that names no files is never renewed."""
    stage = stage()
    Renewals(stage.workers.children, stage.loop).look()

    assert [] == stage.last().signals


def test_no_process_to_check(renewed, secret, caplog):
    """A change for whose check there is no process is checked later, which is told once."""
    stage, renewals = renewed
    renewals.look()
    secret.write_text("newer")
    renewals.look()
    with no_free_descriptor():
        renewals.look()
        for _ in range(3):
            stage.let_pass(AGAIN)
            renewals.look()
    assert 1 == len(caplog.messages)
    assert "keeps its former certificate and secret for now: too many files are open" in caplog.text
    stage.let_pass(AGAIN)

    assert 1 == look(stage, renewals)
