"""Certificates and secrets that are new: the source is opened anew where they can be used, and told of where not."""

import signal
from types import SimpleNamespace

import pytest

from falcohost.errors import ConfigError
from falcohost.host import wire
from falcohost.host.supervision.renewal import Renewals


@pytest.fixture
def secret(tmp_path):
    """Return a file with a secret."""
    path = tmp_path / "secret"
    path.write_text("old")
    return path


@pytest.fixture
def renewed(stage, secret):
    """Return a worker whose source has read the secret, and what looks at it; a secret ``bad`` cannot be used."""

    def secrets(settings):
        if secret.read_text() == "bad":
            raise ConfigError("the secret is too short")
        return [secret]

    stage = stage()
    stage.last().say(wire.Ready())
    stage.turn()
    stage.child().task = SimpleNamespace(spec=SimpleNamespace(name="one", secrets=secrets), settings={})
    return stage, Renewals(stage.workers.children)


def test_a_new_secret_renews_the_worker(renewed, secret, caplog):
    """The worker is told to end when a change has settled, once."""
    caplog.set_level("INFO")
    stage, renewals = renewed
    renewals.look()
    secret.write_text("newer")
    found = []
    for _ in range(4):
        renewals.look()
        found.append(len(stage.last().signals))

    assert [0, 1, 1, 1] == found
    assert [signal.SIGTERM] == stage.last().signals
    assert stage.child().renewing
    assert ["event source 'one': its certificate or secret has changed; reopening it"] == caplog.messages


def test_a_secret_that_cannot_be_used_changes_nothing(renewed, secret, caplog):
    """The worker goes on with what it has, which is told, until the secret is good again."""
    stage, renewals = renewed
    secret.write_text("bad")
    for _ in range(3):
        renewals.look()
    assert [] == stage.last().signals
    assert ["event source 'one' keeps its former certificate and secret: the secret is too short"] == (caplog.messages)
    secret.write_text("good again")
    for _ in range(3):
        renewals.look()

    assert [signal.SIGTERM] == stage.last().signals


def test_sources_without_secrets_are_left_alone(stage):
    """A source that names no files is never renewed."""
    stage = stage()
    Renewals(stage.workers.children).look()

    assert [] == stage.last().signals
