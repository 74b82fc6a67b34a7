"""Fixtures of the CloudTrail tests: a field's value in a record, and a source that reads a bucket at AWS."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from falcohost import Plan
from falcohost.jsonlog import event_of
from falcohost.testing.aws import REGION
from falcohost.testing.clock import ManualClock
from falcohost.testing.waiting import wait_until
from falcohost_cloudtrail.fields import FIELDS
from falcohost_cloudtrail.source import LOG, make

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

    def __init__(self, settings, clock, cursor=None):
        self.source = make(settings, clock)
        self.source.open(Plan(source=LOG.source), cursor)
        self.cursor = cursor
        self.batches = iter(self.source.batches())

    def read(self, count=None):
        """Return *count* events, or all until the end."""
        events = []
        for batch in self.batches:
            events += self._taken(batch)
            if count is not None and len(events) >= count:
                break
        return events

    def read_until(self, is_so):
        """Return the events that come until something *is_so*."""
        events = []

        def is_so_now():
            events.extend(self._taken(next(self.batches)))
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

    def close(self):
        """Read no more."""
        self.source.close()


@pytest.fixture
def clock():
    """Return the clock by which the source waits: whoever waits in the test's own thread has it pass at once."""
    return ManualClock(time.time_ns())


@pytest.fixture
def reader(clock, close_later):
    """Return a function that opens the source with the settings given, at a cursor."""
    return lambda *, cursor=None, **settings: close_later(Reader(settings, clock, cursor))


class Bucket:
    """The bucket of a trail."""

    def __init__(self, aws, name):
        self.name = name
        self.client = aws.client("s3")
        self.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def put(self, key, body):
        """Put an object there."""
        self.client.put_object(Bucket=self.name, Key=key, Body=body)


@pytest.fixture
def make_bucket(aws):
    """Return a function that makes a bucket of a name."""
    return lambda name: Bucket(aws, name)


@pytest.fixture
def bucket(make_bucket):
    """Return the bucket of the trail."""
    return make_bucket(trail.BUCKET)


class Scripted:
    """A server that answers each request on a connection with the next of *answers*, and closes it after the last.

    :ivar asked: the requests.
    :ivar keeps: after the last answer the connection is kept open instead.
    :ivar delay: seconds before each answer.
    :ivar context: of TLS.
    """

    def __init__(self, answers, *, keeps=False, delay=0.0, context=None):
        self._delay, self._context = delay, context
        self._answers = answers
        self._keeps = keeps
        self._kept = []
        self.asked = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with contextlib.suppress(OSError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            for answer in self._answers:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += (data := connection.recv(65536))
                    if not data:
                        return
                self.asked.append(request)
                time.sleep(self._delay)
                connection.sendall(answer)
            if self._keeps:
                self._kept.append(connection)
                return
            connection.close()

    def close(self):
        """End it."""
        self._socket.close()
        for connection in self._kept:
            connection.close()


@pytest.fixture
def scripted(close_later):
    """Return a function that makes a server of its answers."""
    return lambda *answers, **how: close_later(Scripted(answers, **how))
