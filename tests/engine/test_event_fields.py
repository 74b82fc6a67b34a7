"""The fields that every event has."""

import time

import pytest
from world import Happening

from falcohost.engine.event_fields import GENERIC_FIELDS, hostname
from falcohost.engine.times import local_time

TS = 1_534_527_348_014_682_170
FIELDS = {field.name: field for field in GENERIC_FIELDS}


class Extended(Happening):
    """An event with what events may leave out."""

    start_ts = TS - 2_000_000_005
    pluginname = "p"
    plugininfo = "info"
    async_name = "container"


@pytest.fixture(autouse=True)
def eastern(monkeypatch):
    """Local time is five hours behind UTC in these tests."""
    monkeypatch.setenv("TZ", "UTC+5")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("evt.num", 7),
        ("evt.time", "12:35:48.014682170"),
        ("evt.time.s", "12:35:48"),
        ("evt.time.iso8601", "2018-08-17T17:35:48.014682170+0000"),
        ("evt.datetime", "2018-08-17 12:35:48.014682170"),
        ("evt.datetime.s", "2018-08-17 12:35:48"),
        ("evt.rawtime", TS),
        ("evt.rawtime.s", 1_534_527_348),
        ("evt.rawtime.ns", 14_682_170),
        ("evt.reltime", 2_000_000_005),
        ("evt.reltime.s", 2),
        ("evt.reltime.ns", 5),
        ("evt.pluginname", "p"),
        ("evt.plugininfo", "info"),
        ("evt.source", "test"),
        ("evt.is_async", True),
        ("evt.asynctype", "container"),
    ],
)
def test_generic_fields(name, value):
    """Each field has the value that the reference gives it."""
    assert value == FIELDS[name].get(Extended(ts=TS, num=7), None)


@pytest.mark.parametrize("name", ["evt.reltime", "evt.reltime.ns", "evt.pluginname", "evt.plugininfo", "evt.asynctype"])
def test_what_an_event_leaves_out_is_absent(name):
    """An event that does not come from a plugin, or does not know its source's start, has no such value."""
    assert FIELDS[name].get(Happening(), None) is None


@pytest.mark.parametrize("name", ["evt.time", "evt.time.s", "evt.time.iso8601", "evt.datetime", "evt.datetime.s"])
def test_times_are_numbers_in_json(name):
    """The JSON value of a time is nanoseconds since the epoch."""
    assert TS == FIELDS[name].json(Happening(ts=TS), None)


def test_a_time_of_no_calendar_does_no_harm():
    """A source may hand on any number."""
    assert local_time(2**100).endswith(f".{2**100 % 10**9:09}")


def test_the_environment_names_the_host(monkeypatch):
    """FALCO_HOSTNAME overrides the host's own name."""
    hostname.cache_clear()
    monkeypatch.setenv("FALCO_HOSTNAME", "node-7")

    assert "node-7" == FIELDS["evt.hostname"].get(Happening(), None)
    hostname.cache_clear()
