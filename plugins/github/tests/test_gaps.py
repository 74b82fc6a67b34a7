"""Deliveries that did not arrive are fetched from GitHub, each once, and none that has arrived."""

from __future__ import annotations

import time

import pytest

from falcohost.jsonlog import Refusals
from falcohost.poll import PollError
from falcohost.testing.server import Reply
from falcohost.testing.waiting import wait_until
from falcohost_github.api import GithubApi, RateLimited, RequestRefused
from falcohost_github.gaps import GONE, OVERLAP, Gaps

HOOK = "repos/octo-org/app/hooks/42"
TOKEN = "ghp_of_the_tests"
REPOSITORY = {"full_name": "octo-org/app"}


class Store:
    """Takes the deliveries that are fetched."""

    def __init__(self):
        self.taken, self.room, self.stores = [], True, True

    def give(self, text, answer):
        """Take *text*."""
        if self.room:
            self.taken.append(text)
            answer(self.stores)
        return self.room


@pytest.fixture
def store():
    """Return what takes deliveries."""
    return Store()


@pytest.fixture
def gaps(hub, store):
    """Return the gaps of the webhook, since an hour ago."""
    api = GithubApi(hub.url, TOKEN, "github")
    api.open()
    yield Gaps(api, store.give, Refusals(), {HOOK: int(time.time()) - 3600})
    api.close()


def test_what_is_fetched(hub, store, gaps):
    """Failed deliveries are fetched, the oldest first, unless they arrived since or are older than the last look."""
    now = time.time()
    hub.missed({"n": "old"}, at=now - 3600 - OVERLAP - 60)
    hub.missed({"n": 1}, "star", "guid-1", at=now - 50)
    arrived = hub.missed({"n": 2}, at=now - 40)
    hub.missed({"n": 3}, at=now - 30, status=200)
    hub.missed({"n": 4}, "push", "guid-4", status=0, at=now - 20)
    hub.missed({"n": 2}, guid=arrived, status=202, at=now - 10)

    gaps.fill(HOOK)
    assert [
        b'{"n":1,"webhook_type":"star","webhook_delivery":"guid-1","webhook_hook":"repository/42"}',
        b'{"n":4,"webhook_type":"push","webhook_delivery":"guid-4","webhook_hook":"repository/42"}',
    ] == [text.replace(b" ", b"") for text in store.taken]
    assert {HOOK: int(now - 10)} == gaps.since
    gaps.fill(HOOK)
    assert 2 == len(store.taken)


def test_pages(hub, store, gaps):
    """All pages are read, back to where it was the last time."""
    hub.page = 3
    for number in range(10):
        hub.missed({"n": number}, at=time.time() - 20 + number)

    gaps.fill(HOOK)
    assert list(range(10)) == [int(text[5:7].strip(b" ,")) for text in store.taken]


def test_what_is_not_stored(hub, store, gaps):
    """A delivery that is not stored is fetched again the next time."""
    hub.missed({"n": 1}, at=time.time() - 5)
    since = gaps.since

    store.stores = False
    with pytest.raises(PollError, match="not stored yet"):
        gaps.fill(HOOK)
    store.room = False
    with pytest.raises(PollError, match="not stored yet"):
        gaps.fill(HOOK)
    assert since == gaps.since
    store.stores = store.room = True
    gaps.fill(HOOK)
    assert 2 == len(store.taken)


def test_gone(hub, store, gaps):
    """A delivery that GitHub no longer has is counted, and the others are fetched."""
    del hub.payloads[hub.missed({"n": 1}, at=time.time() - 5)]
    hub.missed({"n": 2}, at=time.time() - 4)

    gaps.fill(HOOK)
    assert 1 == len(store.taken)
    assert 1 == gaps._refusals.counts[GONE]


def test_which_webhooks(gaps):
    """Only what can be a webhook is looked after; where it is comes from outside."""
    since = gaps.since

    for odd in ("a/hooks/1", "a/../hooks/1", "../a/hooks/1", "a/b/hooks/", "a/b/hooks/1/../2", "a/b/c/hooks/1"):
        gaps.note(f"repos/{odd}")
    gaps.note("orgs//hooks/1")
    assert since == gaps.since
    gaps.note("repos/a/..b/hooks/1")
    gaps.note("orgs/octo-org/hooks/7")
    assert abs(gaps.since["orgs/octo-org/hooks/7"] - time.time()) < 5


def test_what_was_missed_while_it_was_down(webhooks, hub):
    """Deliveries that were missed while the agent was down are fetched once when it is back, also after a kill."""
    served = webhooks(hub=hub)
    assert 200 == served.post({"n": 1, "repository": REPOSITORY}, "star")
    served.kill()
    hub.missed({"n": 2, "repository": REPOSITORY}, "star", "guid-2")
    hub.missed({"n": 3, "repository": REPOSITORY}, "star")
    served.begin()

    assert ["1 star -", "2 star -", "3 star -"] == served.wait_until_stored(3)
    served.post({"n": 2, "repository": REPOSITORY}, "star", "guid-2")
    served.kill()
    hub.missed({"n": 4, "repository": REPOSITORY}, "star")
    served.begin()
    assert ["1 star -", "2 star -", "3 star -", "4 star -"] == served.wait_until_stored(4)


def test_a_wrong_token(webhooks, hub, tmp_path, caplog):
    """Webhooks are taken with a token that GitHub does not know, and the log says what is wrong with it."""
    served = webhooks(hub=hub)
    served.stop()
    (tmp_path / "secrets" / "github.token").write_text("another")
    served.begin()

    assert 200 == served.post({"n": 1, "repository": REPOSITORY}, "star")
    served.stop()
    served.begin()
    wait_until(lambda: "the token is wrong, was revoked or has expired" in caplog.text)
    assert "another" not in caplog.text


@pytest.fixture
def api(hub):
    """Return a client of the double."""
    api = GithubApi(hub.url, TOKEN, "github")
    api.open()
    yield api
    api.close()


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (Reply(429, headers={"Retry-After": "7"}), 7),
        (Reply(403, headers={"Retry-After": "7"}), 7),
        (Reply(429), 60),
        (Reply(403, b'{"message": "You have exceeded a secondary rate limit"}'), 60),
        (Reply(403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}), None),
    ],
)
def test_limits(hub, api, reply, seconds):
    """GitHub is left alone for as long as it asks for; nothing is asked meanwhile."""
    hub.faults.append(reply)
    hub.about["/user"] = {}

    for _ in range(2):
        with pytest.raises(RateLimited) as raised:
            api.get("user", "nothing")
        assert abs((seconds or 9999999999 - time.time()) - raised.value.retry_after) < 5
    assert ["/user"] == hub.paths


def test_the_last_request_of_an_hour(hub, api):
    """An answer that says that it was the last one of the hour is taken, and nothing is asked until the next."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 100)}
    hub.faults.append(Reply(200, b"{}", headers))

    assert b"{}" == api.get("user", "nothing").body
    with pytest.raises(RateLimited):
        api.get("user", "nothing")


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (403, RequestRefused, "the token needs x"),
        (404, RequestRefused, "the token needs x"),
        (401, RequestRefused, "the token is wrong"),
        (422, RequestRefused, "422"),
        (500, PollError, "500"),
        (302, PollError, "302"),
    ],
)
def test_refusals(hub, api, status, kind, text):
    """A refusal by GitHub is reported with its solution."""
    hub.faults.append(Reply(status))

    with pytest.raises(kind, match=text) as raised:
        api.get("user", "x")
    assert type(raised.value) is kind or kind is PollError
    assert TOKEN not in str(raised.value)


def test_only_this_api_sees_the_token(hub, api):
    """An address of another server in a list's pages is none, so that it is not shown the token."""
    hub.faults.append(Reply(200, headers={"Link": '<http://127.0.0.1:1/steal>; rel="next"'}))

    with pytest.raises(RequestRefused):
        list(api.pages("user/repos", "x"))
    assert hub.paths[-1].endswith("/steal")
