"""Whom an event of GitHub is about."""

import pytest

from falcohost import UserSubject
from falcohost.jsonlog import event_of
from falcohost_github.source import LOG


@pytest.mark.parametrize("record", [{"sender": {"login": "octocat"}}, {"actor": "octocat", "action": "repo.create"}])
def test_who_did_it_is_the_subject(record):
    """A payload has a sender, an entry of the audit log an actor."""
    assert UserSubject("github.user", "octocat") == event_of(LOG, record).subject
