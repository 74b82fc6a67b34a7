"""What the tests of CloudTrail share: a field's value in a record, and the source with a bucket at AWS."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from falcohost import Plan
from falcohost.jsonlog import event_of
from falcohost.testing.aws import REGION
from falcohost_cloudtrail import plugin
from falcohost_cloudtrail.fields import FIELDS
from falcohost_cloudtrail.source import LOG

sys.path.insert(0, str(Path(__file__).parent))

import trail

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

    def read(self, count=None, seconds=20.0):
        """Return *count* events, or all until the end; fail where they do not come in time."""
        events, end = [], time.monotonic() + seconds
        for batch in self._batches:
            events += batch.events
            if batch.cursor is not None and batch.cursor != self.cursor:
                self.cursor = batch.cursor
                self.source.ack(batch.cursor)
            if count is not None and len(events) >= count:
                break
            assert time.monotonic() < end, f"only {len(events)} events came"
        return events

    def read_for(self, seconds):
        """Return the events that come within so many *seconds*."""
        events, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            batch = next(self._batches)
            events += batch.events
            if batch.cursor is not None:
                self.cursor = batch.cursor
                self.source.ack(batch.cursor)
        return events

    def read_until(self, is_so, seconds=30.0):
        """Return the events that come until something *is_so*, or for so many *seconds*."""
        events, end = [], time.monotonic() + seconds
        while not is_so() and time.monotonic() < end:
            events += self.read_for(0.3)
        return events

    @property
    def dropped(self):
        """Return what was left out, by cause."""
        return dict(self.source.stats().dropped)


@pytest.fixture
def reader():
    """Return a function that opens the source with the settings given, at a cursor."""
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
