"""Whom and what a record of a JSON log is about."""

from __future__ import annotations

import itertools

import pytest

from falcohost.events import facts_of_event, own_time_of, subjects_of
from falcohost.jsonlog import JsonLog, event_of, resource_at, user_at
from falcohost.subject import MOST_SUBJECTS, ResourceSubject, UserSubject

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


def test_a_resource_is_named_by_the_first_string():
    """A resource has the name that is there; without one there is none."""
    log = JsonLog(source="shop", plugin="shop", resources=resource_at("shop.shelf", "shelf.id", "shelf.name"))

    assert (ResourceSubject("shop.shelf", "s1"),) == event_of(log, {"shelf": {"id": "s1", "name": "A"}}).resources
    assert (ResourceSubject("shop.shelf", "A"),) == event_of(log, {"shelf": {"name": "A"}}).resources
    assert () == event_of(log, {"shelf": []}).resources


def test_resources_that_raise_are_none(caplog):
    """An error while resources are collected loses only the resources, and is logged."""

    def resources(record):
        yield ResourceSubject("shop.shelf", "s1")
        raise KeyError(record["shelf"])

    assert () == event_of(JsonLog(source="shop", plugin="shop", resources=resources), {"shelf": 1}).resources
    assert "source 'shop': resources raised on a record" in caplog.text


def test_resources_are_bounded():
    """Of what names a resource again and again no more is read than an alert keeps."""

    def resources(record):
        for number in itertools.count():
            yield ResourceSubject("shop.shelf", str(number))

    assert MOST_SUBJECTS == len(event_of(JsonLog(source="shop", plugin="shop", resources=resources), {}).resources)


def many(record):
    """Return more resources than an alert keeps."""
    return tuple(ResourceSubject("shop.shelf", str(number)) for number in range(MOST_SUBJECTS + 3))


@pytest.mark.parametrize("about", [None, ACTOR, lambda record: record["no"]])
@pytest.mark.parametrize(
    "resources",
    [None, resource_at("shop.shelf", "shelf"), many, lambda record: iter(many(record)), lambda record: record["no"]],
)
@pytest.mark.parametrize("record", [{"actor": {"id": "u"}, "shelf": "s", "at": "2026-01-01T00:00:00Z"}, {}])
def test_facts_are_what_the_attributes_say(about, resources, record):
    """What an alert asks at once is what it would be told one after the other, whatever a plugin's functions do."""
    event = event_of(JsonLog(source="shop", plugin="shop", time="at", subject=about, resources=resources), record)

    assert (event.ts, event.key, own_time_of(event), subjects_of(event)) == facts_of_event(event)


def test_an_alert_asks_for_resources_once():
    """Resources that are told one by one, as CloudTrail's are, are collected once for an alert."""
    asked = []

    def resources(record):
        asked.append(record)
        yield ResourceSubject("shop.shelf", "s1")

    event = event_of(JsonLog(source="shop", plugin="shop", subject=ACTOR, resources=resources), {"actor": {"id": "u"}})

    assert (UserSubject("shop.user", "u"), ResourceSubject("shop.shelf", "s1")) == facts_of_event(event)[3]
    assert 1 == len(asked)
