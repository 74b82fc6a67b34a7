"""A reload is tried before it is done: what comes of it, and that the agent's own process is left alone."""

import select
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
    """What was raised is the trial's answer."""
    assert result(fails(error)) == str(error)


@pytest.mark.parametrize(("status", "said"), [(0, None), (1, "no such option")])
def test_where_a_restart_is_needed(monkeypatch, status, said):
    """The command is tried, with --dry-run behind it."""
    script = (
        f"import sys; print('Error: no such option', file=sys.stderr); sys.exit({status} or sys.argv[1] != '--dry-run')"
    )
    monkeypatch.setattr(trial, "command", lambda: [sys.executable, "-c", script])

    assert result(lambda: None) == said
