"""Waiting for calls in threads: what has no end is an error like others."""

from __future__ import annotations

import threading

import pytest

from falcohost.aws import AwsError
from falcohost_cloudtrail import waiting
from falcohost_cloudtrail.waiting import Waiting


@pytest.fixture
def never():
    """Return a call that ends with the test."""
    ended = threading.Event()
    yield ended.wait
    ended.set()


@pytest.mark.parametrize("is_directly", [False, True])
def test_no_end(never, close_later, monkeypatch, is_directly):
    """A call that does not end fails in time, also one that is made where something else had no answer."""
    monkeypatch.setattr(waiting, "LONGEST", 0.3)
    source = close_later(Waiting(1, lambda: None))
    taking = []
    pending = source.ask(lambda take: taking.append(take) or is_directly, lambda failed: never())
    if is_directly:
        assert not pending.done()
        taking[0](None)

    assert not pending.done()
    with pytest.raises(AwsError, match="no answer in time"):
        list(source.end(pending))


def test_in_time(close_later):
    """One that ends has its result."""
    source = close_later(Waiting(1, lambda: None))
    pending = source.ask(lambda take: False, lambda failed: (failed, "result"))
    while not source.look(pending, 0.25):
        pass

    assert (False, "result") == pending.result()


def test_a_receipt_without_end(aws, reader, caplog, monkeypatch, scripted):
    """A queue that is asked by boto3, and answers a byte now and then, is told of."""
    monkeypatch.setattr(waiting, "LONGEST", 0.5)
    server = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", keeps=True)
    monkeypatch.setattr("falcohost.aws.session.AwsSession.exchanges", lambda session, **how: None)
    source = reader(open_params="sqs://q", aws=aws.settings | {"endpoint_url": f"http://127.0.0.1:{server.port}"})
    source.read_until(lambda: "no answer in time" in caplog.text)
