"""Whom and what an event of the System Log is about."""

from falcohost import ResourceSubject, UserSubject
from falcohost.jsonlog import event_of
from falcohost_okta.source import LOG


def test_who_acted_is_the_subject():
    """It is named by its id, since names change."""
    record = {"actor": {"id": "00u1", "type": "User", "displayName": "Ann"}}

    assert UserSubject("okta.actor", "00u1") == event_of(LOG, record).subject


def test_targets_are_the_resources():
    """Each is named by its type and id; one that has none is left out."""
    record = {"target": [{"id": "0oa1", "type": "AppInstance"}, {"type": "User"}, 7, {"id": "00u2", "type": "User"}]}

    assert (ResourceSubject("okta.AppInstance", "0oa1"), ResourceSubject("okta.User", "00u2")) == (
        event_of(LOG, record).resources
    )
    assert () == event_of(LOG, {"target": None}).resources
