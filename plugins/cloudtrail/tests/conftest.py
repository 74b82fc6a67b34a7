"""What the tests of CloudTrail share: a field's value in a record, and the source with a bucket at AWS."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from falcohost import Plan
from falcohost.jsonlog import event_of
from falcohost.poll import BackOff
from falcohost.testing.aws import REGION
from falcohost.testing.waiting import wait_until
from falcohost_cloudtrail import config, plugin
from falcohost_cloudtrail.fields import FIELDS
from falcohost_cloudtrail.source import LOG

sys.path.insert(0, str(Path(__file__).parent))

import trail

#: Seconds for which a test waits where falcohost waits for longer.
SOON = 0.02

ROWS = {field.name: field for field in FIELDS}


@pytest.fixture
def value():
    """Return a function that reads a field, with an argument or without, in a record."""

    def value(name, record, arg=None):
        return ROWS[name].get(event_of(LOG, record), arg)

    return value


class Reader:
    """The source, opened with some settings; what it yields is looked at, and acknowledged, batch by batch.

    :ivar cursor: the last one.
    """

    def __init__(self, settings, cursor=None):
        (spec,) = plugin.falcohost_sources(settings)
        self.source = spec.make(settings)
        self.source.open(Plan(source=spec.name), cursor)
        self.cursor = cursor
        self._batches = iter(self.source.batches())

    def read(self, count=None):
        """Return *count* events, or all until the end."""
        events = []
        for batch in self._batches:
            events += self._taken(batch)
            if count is not None and len(events) >= count:
                break
        return events

    def read_until(self, is_so):
        """Return the events that come until something *is_so*."""
        events = []

        def is_so_now():
            events.extend(self._taken(next(self._batches)))
            return is_so()

        wait_until(is_so_now)
        return events

    def _taken(self, batch):
        events = list(batch.events)
        if batch.cursor is not None and batch.cursor != self.cursor:
            self.cursor = batch.cursor
            self.source.ack(batch.cursor)
        return events

    @property
    def dropped(self):
        """Return what was left out, by cause."""
        return dict(self.source.stats().dropped)


def _impatient(parse, settings):
    """Return *settings* as *parse* does; between two listings are 20 ms instead of a second, which is the least."""
    own = parse(settings)
    return own if own.s3 is None or own.s3.every != 1 else replace(own, s3=replace(own.s3, every=SOON))


@pytest.fixture
def reader(monkeypatch):
    """Return a function that opens the source with the settings given, at a cursor; what it waits for it does soon."""
    monkeypatch.setattr("falcohost_cloudtrail.source.config.parse", partial(_impatient, config.parse))
    monkeypatch.setattr("falcohost_cloudtrail.waiting.IDLE", SOON)
    monkeypatch.setattr("falcohost_cloudtrail.sqs.IDLE", SOON)
    for module in ("s3", "sqs", "messages"):
        monkeypatch.setattr(f"falcohost_cloudtrail.{module}.BackOff", partial(BackOff, SOON))
    opened = []

    def reader(*, cursor=None, **settings):
        opened.append(Reader(settings, cursor))
        return opened[-1]

    yield reader
    for one in opened:
        one.source.close()


class Bucket:
    """The bucket of a trail."""

    def __init__(self, aws):
        self.client = aws.client("s3")
        self.client.create_bucket(Bucket=trail.BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def put(self, key, body):
        """Put an object there."""
        self.client.put_object(Bucket=trail.BUCKET, Key=key, Body=body)


@pytest.fixture
def bucket(aws):
    """Return a bucket."""
    return Bucket(aws)
