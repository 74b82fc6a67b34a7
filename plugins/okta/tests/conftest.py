"""Fixtures of the Okta tests: a field's value in an event, and an organization with a System Log."""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from falcohost.events import Plan
from falcohost.jsonlog import event_of
from falcohost.poll import BackOff, PollInput
from falcohost.testing.waiting import wait_until
from falcohost_okta import config
from falcohost_okta.fields import FIELDS
from falcohost_okta.source import LOG, make

sys.path.insert(0, str(Path(__file__).parent))

from okta_organization import Organization
from okta_tokens import TOKEN

ROWS = {field.name: field for field in FIELDS}

ANYTHING = Plan(source="okta")


@pytest.fixture
def value():
    """Return a function that reads a field, with an argument or without, in an event of the System Log."""

    def value(name, record, arg=None):
        return ROWS[name].get(event_of(LOG, record), arg)

    return value


@pytest.fixture
def organization():
    """Return an organization that answers."""
    made = Organization()
    yield made
    made.server.close()


@pytest.fixture(autouse=True)
def told(caplog):
    """Return the log, of everything."""
    caplog.set_level(logging.DEBUG, "falcohost")
    return caplog


def _impatient(parse, soon, settings):
    """Return *settings* as *parse* does, with a refresh interval of *soon* instead of a second, which is the least."""
    own = parse(settings)
    if own.api is None or own.api.refresh != 1:
        return own
    return replace(own, api=replace(own.api, refresh=soon))


class Reader:
    """Reads an organization's log as the worker does, in a thread.

    :ivar events: what was read.
    :ivar cursors: those that came with it.
    """

    def __init__(self, settings, cursor, plan):
        self.events = []
        self.cursors = [cursor]
        self._stopped = threading.Event()
        self.source = make(settings)
        self.source.open(plan, cursor)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        for batch in self.source.batches():
            for event in batch.events:
                event.whole()
                self.events.append(event)
            if batch.cursor is not None:
                self.cursors.append(batch.cursor)
            if self._stopped.is_set():
                break

    @property
    def uuids(self):
        """Return the ids of the events, in order."""
        return [event.record.get("uuid") for event in self.events]

    @property
    def dropped(self):
        """Return what was left out, by cause."""
        return dict(self.source.stats().dropped)

    def wait_for(self, count):
        """Return when so many events were read."""
        self.wait_until(lambda: len(self.events) >= count)

    def wait_until(self, done):
        """Return when *done* says so."""
        wait_until(done, lambda: f"{len(self.events)} events were read")

    def close(self):
        """Read no more; return the last cursor."""
        self._stopped.set()
        self._thread.join()
        self.source.close()
        return self.cursors[-1]


@pytest.fixture
def read(organization, monkeypatch):
    """Return a function that begins to read the organization's log; what would wait for a second does so for 20 ms."""
    soon = 0.02
    monkeypatch.setattr("falcohost_okta.source.PollInput", partial(PollInput, idle=soon, back_off=BackOff(soon, 0.1)))
    monkeypatch.setattr("falcohost_okta.poller.SOON", soon)
    monkeypatch.setattr("falcohost_okta.source.config.parse", partial(_impatient, config.parse, soon))
    readers = []

    def read(cursor=None, *, plan=ANYTHING, **settings):
        usual = {"organization": "example", "url": organization.server.url, "api_token": TOKEN, "refresh_interval": 1}
        readers.append(Reader(usual | settings, cursor, plan))
        return readers[-1]

    yield read
    for reader in readers:
        reader.close()
