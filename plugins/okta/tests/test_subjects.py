"""Whom an event of the System Log is about."""

from falcohost import UserSubject
from falcohost.jsonlog import event_of
from falcohost_okta.source import LOG


def test_who_acted_is_the_subject():
    """It is named by its id, since names change."""
    record = {"actor": {"id": "00u1", "type": "User", "displayName": "Ann"}}

    assert UserSubject("okta.actor", "00u1") == event_of(LOG, record).subject
