"""Fixtures of the GitHub tests: a field's value in a payload, and an agent that receives webhooks."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import sys
import time
import uuid
from collections import deque
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from falcohost.jsonlog import event_of
from falcohost.store.history import History, Wanted
from falcohost.testing.agent import Agent
from falcohost.testing.clock import ManualClock
from falcohost.testing.pipeline import PATIENCE, Pipeline
from falcohost.testing.ports import Port
from falcohost.testing.server import HttpServer, Reply
from falcohost.testing.waiting import wait_until
from falcohost_github import plugin
from falcohost_github.fields import FIELDS
from falcohost_github.source import LOG, make

sys.path.insert(0, str(Path(__file__).parent))

ROWS = {field.name: field for field in FIELDS}

SECRET = "It's a Secret to Everybody"

RULES = """
- rule: sent
  desc: d
  condition: json.value[/n] exists
  output: '%json.value[/n] %github.type %github.diff.has_secrets-'
  priority: INFO
  source: github
"""


@pytest.fixture
def value():
    """Return a function that reads a field in a payload."""

    def value(name, record):
        return ROWS[name].get(event_of(LOG, record), None)

    return value


TOKEN = "ghp_of_the_tests"


class Hub:
    """GitHub: it lists deliveries, and answers about commits, files, hooks and the audit log.

    :ivar attempts: the attempts to deliver, the last one first, as they are listed.
    :ivar payloads: by delivery.
    :ivar entries: those of the audit log of octo-org.
    :ivar about: what is answered at a path of the API, as JSON.
    :ivar faults: what is answered to the next requests instead.
    """

    def __init__(self):
        self.attempts, self.payloads, self.entries, self.about, self.faults = [], {}, [], {}, deque()
        self.page, self.date = 100, None
        self.server = HttpServer(self._answer)
        self.url = self.server.url
        self.paths = []

    def missed(self, payload, event="push", guid=None, status=502, at=None):
        """Have a delivery that did not arrive, and return its id."""
        guid = guid or str(uuid.uuid4())
        self.payloads[guid] = payload
        when = datetime.fromtimestamp(time.time() if at is None else at, UTC)
        self.attempts.insert(0, {
            "id": len(self.attempts) + 1, "guid": guid, "delivered_at": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "redelivery": False, "duration": 0.1, "status": "OK" if status == 200 else "failed to connect to host",
            "status_code": status, "event": event, "action": None, "installation_id": None, "repository_id": 7,
        })  # fmt: skip
        return guid

    def _answer(self, request):
        self.paths.append(request.path)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return as_reply({"message": "Bad credentials"}, 401)
        if request.path.startswith("/repos/octo-org/app/hooks/42/deliveries"):
            return self._deliveries(request)
        if self.faults:
            return self.faults.popleft()
        if request.path == "/orgs/octo-org/audit-log":
            return self._audit_log(request)
        if request.path in self.about:
            return as_reply(self.about[request.path])
        return as_reply({"message": "Not Found"}, 404)

    def _deliveries(self, request):
        ident = request.path.rpartition("/")[2]
        if ident != "deliveries":
            (entry,) = (one for one in self.attempts if one["id"] == int(ident))
            if entry["guid"] not in self.payloads:
                return as_reply({"message": "Not Found"}, 404)
            headers = {"X-GitHub-Delivery": entry["guid"], "X-GitHub-Event": entry["event"]}
            return as_reply(entry | {"request": {"headers": headers, "payload": self.payloads[entry["guid"]]}})
        start = int(request.query.get("cursor", "v1_0")[3:])
        end = start + min(self.page, int(request.query["per_page"]))
        link = f'<{self.url}{request.path}?per_page=100&cursor=v1_{end}>; rel="next"'
        return as_reply(self.attempts[start:end], Link=link if end < len(self.attempts) else "")

    def logged(self, number, at=None, **more):
        """Have an entry in the audit log."""
        when = int((time.time() if at is None else at) * 1000)
        entry = {"_document_id": f"id-{number}", "@timestamp": when, "created_at": when, "org": "octo-org"}
        self.entries.append(entry | {"action": "repo.create", "actor": "mona", "n": number} | more)

    def _audit_log(self, request):
        query = request.query
        found = sorted(self.entries, key=_place)
        if "after" in query:
            found = [entry for entry in found if _place(entry) > tuple(query["after"].split("|"))]
        elif query.get("order") == "asc" and query.get("include") == "all":
            begin = datetime.fromisoformat(query["phrase"].removeprefix("created:>=")).timestamp() * 1000
            found = [entry for entry in found if entry["@timestamp"] >= begin]
        page = found[: min(self.page, int(query["per_page"]))]
        date = self.date or formatdate(usegmt=True)
        if len(page) == len(found):
            return as_reply(page, Date=date)
        after = quote("|".join(_place(page[-1])))
        return as_reply(
            page, Date=date, Link=f'<{self.url}{request.path}?per_page=100&after={after}&before=>; rel="next"'
        )


def _place(entry):
    return f"{entry['@timestamp']:015}", entry["_document_id"]


def as_reply(value, status=200, **headers):
    """Return the answer of GitHub that is *value*."""
    return Reply(status, json.dumps(value).encode(), headers)


@pytest.fixture
def hub():
    """Return a double of GitHub."""
    hub = Hub()
    yield hub
    hub.server.close()


@pytest.fixture
def push():
    """Return a function that makes the payload of a push, and what GitHub says of what it changed."""

    def push(number, patch="@@ -0,0 +1,2 @@\n+a\n+b", hub=None):
        before, after = f"{2 * number + 1:040x}", f"{2 * number + 2:040x}"
        repository = {"full_name": "octo-org/app", "html_url": "https://github.com/octo-org/app", "private": False}
        if hub is not None:
            files = [{"filename": "a.py", "status": "modified", "patch": patch}]
            hub.about[f"/repos/octo-org/app/compare/{before}...{after}"] = {"status": "ahead", "files": files}
        return {
            "n": number, "ref": "refs/heads/main", "before": before, "after": after, "repository": repository,
            "commits": [{"id": after, "added": ["a.py"]}], "head_commit": {"id": after},
        }  # fmt: skip

    return push


class Webhooks:
    """Receives GitHub's webhooks in *folder*, and sends requests to *hub*; can be ended and started again there."""

    def __init__(self, folder: Path, rules=RULES, hub=None, open_params=None, *, tls=None, **init_config):
        self._held = Port()
        self.port = self._held.number
        self.folder, self._tls = folder, tls
        address = f"http{'' if tls is None else 's'}://127.0.0.1:{self.port}/github"
        (folder / "secrets").mkdir(exist_ok=True)
        (folder / "secrets" / "webhook.secret").write_text(SECRET + "\n")
        self.settings = {"secretsDir": str(folder / "secrets"), "listen": address, **init_config}
        self.settings["open_params"] = open_params or address
        if hub is not None:
            (folder / "secrets" / "github.token").write_text(f"# a token\n{TOKEN}\n")
            self.settings["apiURL"] = hub.url
        self.rules = rules if isinstance(rules, Path) else folder / "rules.yaml"
        if self.rules != rules:
            self.rules.write_text(rules)

    def close(self):
        """End it in any case."""
        self._held.close()

    def post(self, payload, event="push", guid=None, *, form=False, signature=None, timeout=PATIENCE, **headers):
        """Send *payload* as GitHub does; return the status."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        body = urlencode({"payload": body}).encode() if form else body
        right = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        sent = {
            "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Delivery": guid or str(uuid.uuid4()),
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": "42",
            "X-GitHub-Hook-Installation-Target-ID": "7",
            "X-GitHub-Hook-Installation-Target-Type": "repository",
            "X-Hub-Signature-256": right if signature is None else signature,
        } | {key.replace("_", "-"): value for key, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        if self._tls is not None:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self._tls)
        try:
            connection.request("POST", "/github", body, {key: value for key, value in sent.items() if value})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def wait_until_stored(self, count):
        """Return the messages of the alerts that are stored, once there are so many."""
        wait_until(lambda: len(self.stored()) >= count, self.stored)
        return self.stored()

    def stored(self):
        """Return the messages of this source's alerts that are stored, with those that are stored twice twice."""
        return [alert.message.strip() for alert in self.alerts() if alert.source == "github"]

    def alerts(self):
        """Return the alerts that are stored."""
        history = History(self.folder / "state")
        try:
            return list(history.alerts(Wanted()))
        finally:
            history.close()


class InProcess(Webhooks):
    """Source, rules and store in this process."""

    def __init__(self, *given, clock, first=True, **more):
        super().__init__(*given, **more)
        self._clock = clock
        self.pipeline = Pipeline(plugin, [self.rules], self.settings, self.folder / "state", first=first)

    def begin(self):
        """Begin again."""
        self.pipeline.begin()

    def stored(self):
        """Return the messages that are stored; time passes with each look, and with it what waits for GitHub."""
        self._clock.advance(10)
        return super().stored()

    def stop(self):
        """End as after SIGTERM."""
        self.pipeline.stop()

    def kill(self):
        """End as after SIGKILL."""
        self.pipeline.kill()

    def close(self):
        """End it in any case."""
        self.pipeline.kill()
        super().close()


class Hooked(Webhooks):
    """A whole agent."""

    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        self.begin()

    def begin(self):
        """Start the agent."""
        init_config = {name: value for name, value in self.settings.items() if name != "open_params"}
        block = {"name": "github", "library_path": "libgithub.so", "init_config": init_config}
        block["open_params"] = self.settings["open_params"]
        settings = {"plugins": [block], "load_plugins": ["github"]}
        self.agent = Agent(self.folder, [self.rules], settings=settings)
        self.agent.wait_until_ready()

    def close(self):
        """End it in any case."""
        self.agent.kill()
        super().close()


@pytest.fixture
def hooked(tmp_path, close_later):
    """Return a function that starts an agent that webhooks are sent to."""
    return lambda *given, **more: close_later(Hooked(tmp_path, *given, **more))


@pytest.fixture
def webhooks(tmp_path, monkeypatch, close_later):
    """Return a function that has webhooks taken in this process, where nothing waits for long."""
    monkeypatch.setattr("falcohost.web.inbox.IDLE", 0.02)
    clock = ManualClock()
    monkeypatch.setattr("falcohost_github.plugin.make", partial(make, clock=clock))
    return lambda *given, **more: close_later(InProcess(tmp_path, *given, clock=clock, **more))
