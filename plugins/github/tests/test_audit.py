"""The audit log is read from beginning to end and on, each entry once, whatever GitHub answers."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import msgspec
import pytest

from falcohost.errors import ConfigError, SourceError
from falcohost.needs import CONNECT
from falcohost.poll import PollError
from falcohost.testing.server import Reply
from falcohost.testing.waiting import wait_until
from falcohost_github.api import GithubApi, RateLimited
from falcohost_github.audit import EVERY, OVERLAP, AuditLog, audit_log
from falcohost_github.input import GithubInput
from falcohost_github.source import make

TOKEN = "ghp_of_the_tests"


@pytest.fixture
def audit(hub):
    """Return a function that reads on from a cursor until there is nothing new: the numbers, the cursor, the wait."""
    log = AuditLog(GithubApi(hub.url, TOKEN, "github"), "octo-org")
    log.open(None)

    def audit(cursor=None):
        numbers = []
        while True:
            page = log.fetch(cursor)
            numbers += [msgspec.json.decode(item)["n"] for item in page.items]
            cursor = page.cursor
            if page.wait:
                return numbers, cursor, page.wait

    yield audit
    log.close()


def test_pages(hub, audit):
    """It begins some minutes ago, and what is new is read over all pages, in order."""
    hub.page = 3
    hub.logged("old", at=time.time() - OVERLAP - 100)
    for number in range(10):
        hub.logged(number, at=time.time() - 20 + number)

    numbers, cursor, wait = audit()
    assert (list(range(10)), EVERY) == (numbers, wait)
    hub.logged(10)
    assert [10] == audit(cursor)[0]


def test_a_damaged_entry(hub):
    """A damaged entry is delivered once, for the log to count it, and holds up none of those after it."""
    log = AuditLog(GithubApi(hub.url, TOKEN, "github"), "octo-org")
    log.open(None)
    hub.logged(1)
    hub.logged(2, ratio=float("nan"))
    hub.logged(3, deep=json.loads("[" * 500 + "]" * 500))
    cursor, items = None, []
    for _ in range(4):
        page = log.fetch(cursor)
        items += page.items
        cursor = page.cursor
    log.close()

    assert [1, 2, 3] == [json.loads(item)["n"] for item in items]


def test_the_same_moment_and_late_entries(hub, audit):
    """Entries of the moment of the last one are not missed, nor those that come late; none is read twice."""
    now = time.time()
    hub.logged(1, at=now)
    numbers, cursor, _ = audit()
    hub.logged(2, at=now)
    hub.logged(3, at=now - 60)

    more, cursor, _ = audit(cursor)
    assert ([1], [3, 2]) == (numbers, more)
    assert [] == audit(cursor)[0]


def test_odd_entries(hub, audit):
    """An entry without id or time, or in another form, is read all the same."""
    hub.faults.append(Reply(200, b'[5, {"n": 1}, {"n": 2, "_document_id": 3, "@timestamp": "x"}]'))
    log = AuditLog(GithubApi(hub.url, TOKEN, "github"), "octo-org")
    log.open(None)

    page = log.fetch(log.fetch(None).cursor)
    assert (3, EVERY) == (len(page.items), page.wait)
    log.close()


def test_an_entry_from_the_future(hub, audit):
    """An entry of tomorrow does not hide those of today."""
    hub.logged(1, at=time.time() + 86_400)
    numbers, cursor, _ = audit()
    hub.logged(2)

    assert ([1], [2]) == (numbers, audit(cursor)[0])


def test_a_clock_that_is_ahead(hub, audit, monkeypatch):
    """Where this machine's clock is ahead, it begins by GitHub's."""
    hub.logged(1)
    ahead = time.time() + 7200
    monkeypatch.setattr("falcohost_github.audit.time.time", lambda: ahead)
    # GitHub's double has the same clock; its answers say the time that it really is.
    hub.date = formatdate(ahead - 7200, usegmt=True)

    numbers, cursor, _ = audit()
    hub.logged(2, at=ahead - 7199)
    assert ([1], [2]) == (numbers, audit(cursor)[0])


def test_a_link_that_is_forgotten(hub, audit):
    """Where GitHub does not know the next page any more, reading goes on from the time of the last one."""
    hub.page = 2
    for number in range(5):
        hub.logged(number, at=time.time() - 20 + number)
    log = AuditLog(GithubApi(hub.url, TOKEN, "github"), "octo-org")
    log.open(None)
    page = log.fetch(log.fetch(None).cursor)
    hub.faults.append(Reply(422))

    assert [2, 3, 4] == audit(page.cursor)[0]
    log.close()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(500), PollError),
        (Reply(200, b"[{", cut=1), PollError),
        (Reply(404), PollError),
        (Reply(403, headers={"Retry-After": "0"}), RateLimited),
        (None, PollError),
    ],
)
def test_failures(hub, audit, reply, kind):
    """A page that cannot be had is asked for again, and nothing is skipped."""
    hub.logged(1)
    _, cursor, _ = audit()
    hub.logged(2)
    hub.faults.append(reply)

    with pytest.raises(kind):
        audit(cursor)
    assert [2] == audit(cursor)[0]


def test_another_log(hub, audit):
    """The cursor of another log, or what is none, is not gone on from."""
    hub.logged(1)

    for odd in ('{"log":"orgs/other/audit-log","since":9999999999999}', "[", "{}"):
        assert [1] == audit(odd)[0]


def test_whole_agent(hooked, hub):
    """Webhooks and the audit log are one source; both go on where they were."""
    served = hooked(hub=hub, auditLog="octo-org")
    hub.logged(1)
    assert 200 == served.post({"n": 2}, "star")
    assert ["1  -", "2 star -"] == sorted(served.wait_until_stored(2))
    served.agent.process.kill()
    served.agent.process.wait()
    hub.logged(3)
    served.begin()
    assert ["1  -", "2 star -", "3  -"] == sorted(served.wait_until_stored(3))


def test_goes_on(webhooks, hub):
    """Entries that were read before the agent was killed are not even read again."""
    hub.logged(1)
    served = webhooks(hub=hub, auditLog="octo-org")
    served.wait_until_stored(1)
    served.kill()
    hub.logged(2)
    served.begin()

    assert ["1  -", "2  -"] == served.wait_until_stored(2)
    assert 1 == served.pipeline.passed


def test_rate_limits_are_apart(webhooks, hub, caplog):
    """While the audit log's rate limit is reached, webhooks are served."""
    hub.faults.append(Reply(403, headers={"Retry-After": "3600"}))
    served = webhooks(hub=hub, auditLog="octo-org")
    wait_until(lambda: "rate limit is reached" in caplog.text)

    assert 200 == served.post({"n": 2}, "star")


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"auditLog": "../user"}, ConfigError, "use an organization, or enterprises"),
        ({"auditLog": "octo-org"}, SourceError, "put one into .*github.token or"),
    ],
)
def test_settings(settings, error, text, tmp_path, monkeypatch):
    """A mistake in a setting is explained in a sentence."""
    monkeypatch.delenv("GITHUB_PLUGIN_TOKEN", raising=False)

    with pytest.raises(error, match=text):
        make({"secretsDir": str(tmp_path), **settings})


def test_not_with_files(tmp_path, monkeypatch):
    """The audit log and files are two things, of which one source has one."""
    monkeypatch.setenv("GITHUB_PLUGIN_TOKEN", TOKEN)

    with pytest.raises(SourceError, match="cannot be combined with files"):
        make({"secretsDir": str(tmp_path), "auditLog": "octo-org", "open_params": "/var/log"})


@pytest.mark.parametrize("whose", [None, "octo-org"])
def test_what_it_connects_to(hub, whose):
    """It connects to the API and nowhere else, whether it reads the audit log or not; without a token, not at all."""
    api = GithubApi(hub.url, TOKEN, "github")
    log = None if whose is None else audit_log(api, whose, "github")
    given = GithubInput(api, None, None, log, 0)

    assert hub.url.removeprefix("http://") in given.needs.connects
    assert not any(address.startswith("*") for address in given.needs.connects)
    assert CONNECT not in GithubInput(GithubApi(hub.url, None, "github"), None, None, None, 0).needs.calls
