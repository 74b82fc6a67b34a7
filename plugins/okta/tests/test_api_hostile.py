"""Answers that no Okta would send: what cannot be read is counted, the rest is served, and memory stays small."""

from __future__ import annotations

import gzip
import json
import resource

import pytest

from falcohost.testing.server import Reply

DEEP = b"[" * 10_000 + b"]" * 10_000


def uuids(organization):
    """Return the ids of the events that were recorded."""
    return [event["uuid"] for _, event in organization.events]


def page(body, **headers):
    """Return a page whose link leads to the events that there are."""
    link = '<https://evil.example/api/v1/logs?since=2020-01-01T00:00:00Z&limit=1000>; rel="next"'
    return Reply(body=body, headers={"Link": link} | {name.replace("_", "-"): text for name, text in headers.items()})


@pytest.mark.parametrize(
    ("cause", "answer"),
    [
        ("too large", lambda: page(b"[" + b" " * (65 << 20) + b"]")),
        ("gzip data that grows too much", lambda: page(gzip.compress(bytes(200 << 20), 9), Content_Encoding="gzip")),
        ("damaged gzip data", lambda: page(gzip.compress(b"[{}]")[:-9], Content_Encoding="gzip")),
        ("not declared as JSON", lambda: page(b"<html>", Content_Type="text/html")),
        ("not a JSON array", lambda: page(b'{"errorCode":"E0"}')),
        ("not a JSON array", lambda: page(b'[{"uuid":"x"}')),
        ("not a JSON array", lambda: page(b'[{"uuid":"x"}' + b"," * (17 << 20))),
        ("not a JSON array", lambda: page(b"[" * 10_000)),
    ],
    ids=["huge", "bomb", "damaged", "html", "object", "half", "commas", "open"],
)
def test_page_that_cannot_be_read(organization, read, told, cause, answer):
    """A page that stays unreadable is counted, and the one behind it is served; the secret goes to nobody else."""
    organization.add()
    # Where to begin, earlier refusals, and then the page, three times.
    organization.mishaps = [Reply(), Reply(), *[answer()] * 3]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader = read(since="1h")
    reader.wait_for(1)

    assert (uuids(organization), {cause: 1}) == (reader.uuids, reader.dropped)
    assert f"a page of {organization.server.url}: {cause}; skipped" in told.text
    assert "Traceback" not in told.text
    # The server of this test, in the same process, holds the answer as well.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


@pytest.mark.parametrize(
    ("served", "dropped", "items"),
    [
        (2, {"nested too deep": 1}, b'{"uuid":"1"},' + DEEP + b',{"uuid":"2"}'),
        (2, {"nested too deep": 1}, b'{"uuid":"1"},{"uuid":"3","deep":' + DEEP + b'},{"uuid":"2"}'),
        (2, {"not a JSON object": 3}, b'{"uuid":"1"},5,null,"x",{"uuid":"2"}'),
        (2, {"not JSON": 1}, b'{"uuid":"1"},{"uuid":"3",\x01},{"uuid":"2"}'),
        (3, {}, b'{"uuid":"1"},{"uuid":"3","actor":{"displayName":"\xff"}},{"uuid":"2"}'),
        (3, {}, b'{"uuid":"1"},{"uuid":"3","actor":{"displayName":"\\ud800"}},{"uuid":"2"}'),
        (3, {}, b'{"uuid":"1"},{"uuid":["a"],"published":{}},{"uuid":"2","published":1e999}'),
        (3, {}, b'{"uuid":"1"},{"uuid":"3","published":"9999-12-31T23:59:59Z"},{"uuid":"2","published":"0001-01-01"}'),
        (3, {}, b'{"uuid":"1"},{},{"uuid":"2"}'),
        (2, {"too large": 1}, b'{"uuid":"1"},{"uuid":"3","x":"' + b"x" * (9 << 20) + b'"},{"uuid":"2"}'),
    ],
    ids=["deep", "inside", "values", "no JSON", "bytes", "half", "types", "times", "empty", "large"],
)
def test_event_that_is_odd(organization, read, told, served, dropped, items):
    """An odd value in one event hides neither those beside it nor later ones."""
    organization.add()
    organization.mishaps = [Reply(), Reply(), page(b"[" + items + b"]")]
    reader = read(since="1h")
    reader.wait_for(served + 1)
    organization.forget_links()
    organization.add()
    reader.wait_for(served + 2)

    assert dropped == reader.dropped
    assert ["1", "2"] == [uuid for uuid in reader.uuids if uuid in ("1", "2")]
    assert uuids(organization) == reader.uuids[served:]
    assert "Traceback" not in told.text


def test_times_that_cannot_be(organization, read):
    """Events from the future do not move the time from which is read on beyond the server's clock."""
    organization.add(published="2099-01-01T00:00:00.000Z")
    reader = read(since="1h")
    reader.wait_for(1)
    assert json.loads(reader.close())["since"] / 1e9 <= organization.now
    organization.forget_links()
    organization.add()
    again = read(reader.cursors[-1])
    again.wait_for(1)

    assert uuids(organization)[1:] == again.uuids


@pytest.mark.parametrize("header", ["<>", "<http://[>; rel=next", "x" * 60_000, '<https://a/other?x=1>; rel="next"'])
def test_links_that_lead_nowhere(organization, read, header):
    """A link that is none, or leads to something else than the log, is as good as none."""
    organization.add()
    organization.mishaps = [Reply(), Reply(), Reply(body=b"[]", headers={"Link": header})]
    reader = read(since="1h")
    reader.wait_for(1)

    assert uuids(organization) == reader.uuids


@pytest.mark.parametrize("name", ["X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "Date", "Retry-After"])
@pytest.mark.parametrize("value", ["-1", "nonsense", "9" * 5000, ""])
def test_headers_that_say_nonsense(organization, read, name, value):
    """Numbers and times in headers that are none do no harm."""
    headers = {"X-Rate-Limit-Limit": "0", name: value}
    organization.add()
    organization.mishaps = [Reply(headers=headers), Reply(headers=headers), Reply(headers=headers)]
    reader = read(since="1h")
    reader.wait_for(1)

    assert uuids(organization) == reader.uuids
