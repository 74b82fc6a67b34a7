"""Whom a record of a JSON log is about."""

from __future__ import annotations

from falcohost.jsonlog import JsonLog, event_of, user_at
from falcohost.subject import UserSubject

ACTOR = user_at("shop.user", "actor.id", "actor.name")


def subject(record, of=ACTOR):
    """Return the subject of an event."""
    return event_of(JsonLog(source="shop", plugin="shop", subject=of), record).subject


def test_the_first_text_is_the_name():
    """Of several paths the first counts that has a text."""
    assert UserSubject("shop.user", "u1") == subject({"actor": {"id": "u1", "name": "Ann"}})
    assert UserSubject("shop.user", "Ann") == subject({"actor": {"id": 7, "name": "Ann"}})


def test_a_record_without_a_user_has_no_subject():
    """Where there is no name, or the log does not say where it is, there is no subject."""
    assert None is subject({"actor": {"id": ""}})
    assert None is subject({"actor": "u1"})
    assert None is subject({"actor": {"id": "u1"}}, of=None)


def test_what_raises_has_no_subject(caplog):
    """A plugin's function that fails on a record costs no alert."""
    assert None is subject({}, of=lambda record: record["actor"])
    assert "source 'shop': subject raised on a record" in caplog.text
