"""Whom and what an event of GitHub is about."""

import pytest

from falcohost import ResourceSubject, UserSubject
from falcohost.jsonlog import event_of
from falcohost_github.source import LOG


@pytest.mark.parametrize("record", [{"sender": {"login": "octocat"}}, {"actor": "octocat", "action": "repo.create"}])
def test_who_did_it_is_the_subject(record):
    """A payload has a sender, an entry of the audit log an actor."""
    assert UserSubject("github.user", "octocat") == event_of(LOG, record).subject


@pytest.mark.parametrize(
    "record", [{"repository": {"full_name": "octo/hello", "id": 1}}, {"repo": "octo/hello", "action": "repo.create"}]
)
def test_the_repository_is_the_resource(record):
    """A payload has the repository with its full name, an entry of the audit log the name."""
    assert (ResourceSubject("github.repository", "octo/hello"),) == event_of(LOG, record).resources


def test_what_is_about_no_repository_has_no_resource():
    """An event of the organization has none."""
    assert () == event_of(LOG, {"action": "member_added"}).resources
