"""A reload is tried before it is done: what comes of it, and that the agent's own process is left alone."""

import logging
import os
import select
import signal
import sys

import pytest

from falcohost.errors import RulesError
from falcohost.host.supervision import trial
from falcohost.host.supervision.trial import Trial


def result(reload):
    """Return what a trial says, once it has ended."""
    tried = Trial(reload)
    assert select.select([tried.finished], [], [], 10)[0]
    return tried.error()


def fails(error):
    """Return a reload that raises it."""

    def reload():
        raise error

    return reload


def test_what_can_be_taken_over():
    """Where only rules are new, nothing is said, and what the trial has changed is not changed here."""
    changed = []

    assert result(lambda: changed.append(1) or "new rules") is None
    assert changed == []


@pytest.mark.parametrize("error", [RulesError("no such file"), KeyError("a bug")])
def test_what_is_wrong_is_told(error):
    """The error raised is the trial's answer."""
    assert result(fails(error)) == str(error)


@pytest.mark.parametrize(("status", "said"), [(0, None), (1, "no such option")])
def test_where_a_restart_is_needed(monkeypatch, status, said):
    """The command is tried, with --dry-run behind it."""
    script = (
        f"import sys; print('Error: no such option', file=sys.stderr); sys.exit({status} or sys.argv[1] != '--dry-run')"
    )
    monkeypatch.setattr(trial, "command", lambda: [sys.executable, "-c", script])

    assert result(lambda: None) == said


def test_a_trial_is_silent(capfd, tmp_path):
    """Output and log lines of a trial are not shown as messages of the agent."""
    handler = logging.FileHandler(tmp_path / "log")
    logging.getLogger("falcohost").addHandler(handler)

    def reload():
        os.write(1, b"printed")
        logging.getLogger("falcohost").error("logged")
        return "new rules"

    try:
        assert result(reload) is None
    finally:
        logging.getLogger("falcohost").removeHandler(handler)
        handler.close()
    assert ("", "") == tuple(capfd.readouterr())
    assert "" == (tmp_path / "log").read_text()


def test_a_signal_ends_a_trial():
    """A trial does with signals what a process does that has said nothing of them, whatever the agent does."""

    def reload():
        os.kill(os.getpid(), signal.SIGTERM)
        return "new rules"

    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        assert result(reload) == ""
    finally:
        signal.signal(signal.SIGTERM, before)
