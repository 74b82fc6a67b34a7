"""Okta's System Log over HTTP: every event once and in order, whatever happens on the way."""

from __future__ import annotations

import json
import threading
import time
from functools import partial

import pytest
from okta_organization import PATH
from okta_tokens import TOKEN

from falcohost.jsonlog import Refusals
from falcohost.poll import HttpClient, HttpLimits, PollError
from falcohost.testing.server import Reply, Request
from falcohost_okta import mfa
from falcohost_okta.config import parse
from falcohost_okta.poller import LogPoller
from falcohost_okta.recall import Recall

HOUR = 3600

AUTHORIZED = {"authorization": f"SSWS {TOKEN}"}


def uuids(events):
    """Return the ids of *events*."""
    return [event["uuid"] for event in events]


def test_events_from_now_on(organization, read):
    """Events that are recorded from the start on are read in order, with what Falco's plugin says of them."""
    event = organization.add(ago=HOUR)
    organization.events[-1] = (organization.now - 2, event)  # where to begin is known to the second
    reader = read()
    reader.wait_until(lambda: len(reader.cursors) > 1)
    added = [organization.add() for _ in range(5)]
    reader.wait_for(5)

    assert uuids(added) == reader.uuids
    assert json.loads(json.dumps(added)) == [event.record for event in reader.events]
    assert {"GET"} == {request.method for request in organization.server.requests}
    first = next(query for query in organization.asked if query["sortOrder"] == "ASCENDING")
    assert {"since", "sortOrder", "limit"} == set(first)


@pytest.fixture
def patient(monkeypatch):
    """Return settings with which whoever waits between two pages waits for longer than a test does."""
    monkeypatch.setattr("falcohost_okta.poller.SOON", 1000.0)
    return {"refresh_interval": 1000}


def test_pages(organization, read, patient):
    """A backlog is read page by page without waiting, by the links of the server."""
    added = [organization.add() for _ in range(3500)]
    reader = read(since="1h", **patient)
    reader.wait_for(3500)

    assert uuids(added) == reader.uuids
    followed = [query["after"] for query in organization.asked if "after" in query]
    assert ["1000_0", "2000_0", "3000_0"] == followed[:3]


def test_small_pages(organization, read, patient):
    """A backlog is read without waiting also if the server gives fewer events than it is asked for."""
    organization.most = 7
    added = [organization.add() for _ in range(700)]
    reader = read(since="1h", **patient)
    reader.wait_for(700)

    assert uuids(added) == reader.uuids


@pytest.mark.parametrize(("since", "count"), [("{}", 2), ("90m", 2), ("2d", 3), ("30m", 1)])
def test_back_fill(organization, read, since, count):
    """One may begin at a time, or some time ago."""
    now = time.time()
    for hours in (30, 1, 0):
        event = organization.add(ago=hours * HOUR)
        organization.events[-1] = (now - hours * HOUR, event)
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 1.5 * HOUR))
    reader = read(since=since.format(began))
    reader.wait_for(count)

    assert uuids(event for _, event in organization.events[-count:]) == reader.uuids


def test_goes_on_from_the_cursor(organization, read):
    """Reading resumes after the cursor, and without one starts at the beginning."""
    first = [organization.add() for _ in range(3)]
    reader = read(since="1h")
    reader.wait_for(3)
    cursor = reader.close()
    second = [organization.add() for _ in range(3)]
    again = read(cursor, since="1h")
    again.wait_for(3)

    assert (uuids(first), uuids(second)) == (reader.uuids, again.uuids)
    anew = read(reader.cursors[1], since="1h")
    anew.wait_for(6)
    assert uuids([*first, *second]) == anew.uuids
    assert [event.key for event in anew.events] == [event.key for event in [*reader.events, *again.events]]


@pytest.mark.parametrize("cursor", ['{"url":"https://other.okta.com","since":5}', "nonsense", "{}"])
def test_cursor_of_another_log(organization, read, told, cursor):
    """A cursor that is not of this organization is told and not gone on from."""
    reader = read(cursor)
    reader.wait_until(lambda: len(reader.cursors) > 1)

    assert f"the stored position is not one of {organization.server.url}; reading starts anew" in told.text


def test_forgotten_link(organization, read, told):
    """Where the server does not know its link any more, the last minutes are read again, and no event twice."""
    added = [organization.add(ago=5) for _ in range(5)]
    reader = read(since="1h")
    reader.wait_for(5)
    cursor = reader.close()
    organization.forget_links()
    late = organization.add(ago=120)
    again = read(cursor)
    again.wait_for(1)

    assert [late["uuid"]] == again.uuids
    assert uuids(added) == reader.uuids
    assert "the server no longer knows the last position; reading continues from " in told.text


def test_long_overlap(organization, read, patient):
    """Events that were read before are skipped without waiting."""
    organization.most = 20
    added = [organization.add(ago=5) for _ in range(400)]
    reader = read(since="1h")
    reader.wait_for(400)
    cursor = reader.close()
    organization.forget_links()
    late = organization.add()
    again = read(cursor, **patient)
    again.wait_for(1)

    assert (uuids(added), [late["uuid"]]) == (reader.uuids, again.uuids)


@pytest.fixture
def poller(organization):
    """Return what fetches pages, with nothing that waits for them."""
    settings = {"organization": "example", "url": organization.server.url, "api_token": TOKEN, "since": "1h"}
    poller = LogPoller(parse(settings).api, Recall(HOUR, lambda who, when: None))
    poller.open(Refusals())
    yield poller
    poller.close()


def test_page_that_comes_again_and_again(organization, poller):
    """A server that always answers with the same page and link is asked once in a refresh interval."""
    organization.add()
    page = organization.answer(Request("GET", PATH, {"since": "2020-01-01T00:00:00Z"}, AUTHORIZED, b""))
    organization.mishaps = [Reply(), Reply(), *[page] * 3]
    pages = [poller.fetch(None)]
    for _ in range(3):
        pages.append(poller.fetch(pages[-1].cursor))

    assert [0, 1, 0, 0] == [len(page.items) for page in pages]
    assert [0.0, 0.0, 10.0, 10.0] == [page.wait for page in pages]


def test_no_link(organization, read):
    """A server that gives no links is asked by time, again and again, and no event is read twice."""
    organization.gives_links = False
    reader = read(since="1h")
    added = [organization.add() for _ in range(3)]
    reader.wait_for(3)
    added += [organization.add() for _ in range(3)]
    reader.wait_for(6)

    assert uuids(added) == reader.uuids


def test_doubled_events(organization, read):
    """An event that the server gives twice is read once; one of another id is another, even of the same moment."""
    first = organization.add()
    organization.events.append((organization.now, first))
    twin = organization.add(published=first["published"])
    reader = read(since="1h")
    reader.wait_for(2)
    organization.events.append((organization.now, dict(reversed(first.items()))))
    last = organization.add()
    reader.wait_for(3)

    assert uuids([first, twin, last]) == reader.uuids


def test_late_events(organization, read):
    """An event that is recorded long after it was published is read like any other."""
    reader = read()
    organization.add()
    reader.wait_for(1)
    late = organization.add(ago=2 * HOUR)
    reader.wait_for(2)

    assert late["uuid"] == reader.uuids[-1]


@pytest.mark.parametrize("ahead", [-40 * 86_400, 40 * 86_400])
def test_clock_that_is_off(organization, read, ahead):
    """The server's clock counts, also where no start is set and where the server has forgotten its links."""
    organization.ahead = ahead
    organization.add(ago=HOUR)
    organization.events[-1] = (organization.now - HOUR, organization.events[-1][1])
    reader = read()
    reader.wait_until(lambda: len(reader.cursors) > 1)
    added = [organization.add() for _ in range(3)]
    reader.wait_for(3)
    organization.forget_links()
    added.append(organization.add())
    reader.wait_for(4)

    assert uuids(added) == reader.uuids


@pytest.mark.parametrize(
    "mishaps",
    [
        [Reply(500), Reply(502, b"<html>"), Reply(503, headers={"Retry-After": "0"})],
        [None, None],
        [Reply(body=b'[{"uuid":"x"}]', cut=9)],
        [Reply(429, headers={"Retry-After": "0"})],
        [Reply(200, b"<html>", headers={"Content-Type": "text/html"})],
        [Reply(200, b'[{"uuid":"x"}')],
        [Reply(401), Reply(403)],
    ],
    ids=["errors", "closed", "cut", "limit", "page", "half", "refused"],
)
def test_mishaps(organization, read, mishaps):
    """A failure is waited out, and then all is read from where it was; first, in the midst and at the end."""
    for _ in range(3):
        organization.add()
    organization.mishaps = list(mishaps)
    reader = read(since="1h")
    reader.wait_for(3)
    organization.mishaps = list(mishaps)
    organization.add()
    reader.wait_for(4)

    assert uuids(event for _, event in organization.events) == reader.uuids


def test_silence(organization, read, monkeypatch, told):
    """A server that does not answer in time is asked again."""
    monkeypatch.setattr("falcohost_okta.poller.HttpClient", partial(HttpClient, limits=HttpLimits(pause=0.1)))
    organization.add()
    never = threading.Event()
    organization.mishaps = [Reply(gate=never), Reply(), Reply(), Reply(gate=never)]
    reader = read(since="1h")
    reader.wait_for(1)
    never.set()

    assert uuids(event for _, event in organization.events) == reader.uuids
    assert "127.0.0.1 does not answer in time" in told.text


def test_rate_limit_that_is_used_up(organization, poller):
    """After 429 the limit's end is waited for, by the server's clock, since it says nothing else."""
    organization.ahead = 1000.0
    reset = int(organization.now) + 300
    organization.mishaps = [Reply(429, headers={"X-Rate-Limit-Reset": str(reset)})]
    with pytest.raises(PollError) as raised:
        poller.fetch(None)

    assert reset - organization.now <= raised.value.retry_after <= 301


def test_rate_limit_is_left_to_others(organization, read):
    """The last tenth of the rate limit is not used."""
    for _ in range(250):
        organization.add()
    organization.most, organization.rate, organization.window = 10, 20, 1
    reader = read(since="1h")
    reader.wait_for(250)

    assert max(organization._spent.values()) <= 18 + 1
    assert uuids(event for _, event in organization.events) == reader.uuids


def test_token_that_is_revoked(organization, read, told, tmp_path):
    """A token that is revoked is told with what mends it; it works again when it is valid, or the file has another."""
    file = tmp_path / "token"
    file.write_text("t0k1")
    organization.tokens = {"SSWS t0k1"}
    organization.add()
    reader = read(since="1h", api_token="", api_token_file=str(file))
    reader.wait_for(1)
    organization.tokens = set()
    organization.add()
    reader.wait_until(lambda: "revoked" in told.text)
    assert (
        "127.0.0.1 answers 401 Unauthorized: the API token is not valid, was revoked, or was not used for 30 "
        "days; create one (Security > API > Tokens) and set it. Trying again in "
    ) in told.text
    organization.tokens = {"SSWS t0k1"}
    reader.wait_for(2)
    organization.tokens = {"SSWS t0k2"}
    file.write_text("t0k2\n")
    organization.add()
    reader.wait_for(3)

    assert uuids(event for _, event in organization.events) == reader.uuids
    assert ": works again, after" in told.text
    assert not [word for word in ("SSWS", "t0k1", "t0k2") if word in told.text]


def denial(actor, ago):
    """Return a denied push of *actor*."""
    return {"eventType": mfa.DENIED, "actor": {"id": actor}, "ago": ago}


def counted(event):
    """Return how many denied pushes there were in ten minutes up to *event*."""
    return event.context.memory.attempts.count(event.record, event.ts, 600)


def test_refusals_are_remembered_over_a_restart(organization, read):
    """Counting goes on where it was: earlier refusals are asked of the server, and none counts twice."""
    organization.add(**denial("a", 300))
    organization.add(eventType=mfa.BY_MFA, actor={"id": "a"}, outcome={"result": "SUCCESS"}, ago=250)
    organization.add(**denial("b", 200))
    organization.add(**denial("a", 100))
    reader = read(since="1h")
    reader.wait_for(4)
    cursor = reader.close()
    organization.add(**denial("a", 50))
    again = read(cursor)
    again.wait_for(1)
    organization.add(**denial("a", 0))
    again.wait_for(2)
    organization.ahead = 2.0  # where to begin is known to the second
    anew = read()
    anew.wait_until(lambda: len(anew.cursors) > 1)
    organization.add(**denial("a", -1))
    anew.wait_for(1)

    assert [1, None, 1, 2] == [counted(event) for event in reader.events]
    assert [3, 4] == [counted(event) for event in again.events][:2]
    assert 5 == counted(anew.events[-1])


def test_refusals_that_cannot_be_asked(organization, read, told):
    """If the server does not give earlier refusals, that is told, and the log is read all the same."""
    organization.add(**denial("a", 300))
    reader = read(since="1h")
    reader.wait_for(1)
    cursor = reader.close()
    organization.mishaps = [Reply(400)]
    organization.add(**denial("a", 0))
    again = read(cursor)
    again.wait_for(1)

    assert 1 == counted(again.events[0])
    assert "okta.mfa.*.countlast start at 0, since earlier events are not available: 127.0.0.1 answers 400" in told.text
