"""What the tests of the plugin share: a field's value in a payload, and an agent that GitHub's webhooks are sent to."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import uuid
from pathlib import Path
from urllib.parse import urlencode

import pytest

from falcohost.jsonlog import event_of
from falcohost.store.history import History, Wanted
from falcohost.testing.agent import Agent
from falcohost_github.fields import FIELDS
from falcohost_github.source import LOG

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


class Hooked:
    """An agent that webhooks are sent to, in *folder*; it can be killed and begun again there."""

    def __init__(self, folder: Path, rules=RULES, **init_config):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self._folder = folder
        (folder / "secrets").mkdir()
        (folder / "secrets" / "webhook.secret").write_text(SECRET + "\n")
        self._init_config = {"secretsDir": str(folder / "secrets"), **init_config}
        self._rules = rules if isinstance(rules, Path) else folder / "rules.yaml"
        if self._rules != rules:
            self._rules.write_text(rules)
        self.begin()

    def begin(self):
        """Start the agent."""
        plugin = {"name": "github", "library_path": "libgithub.so", "init_config": self._init_config}
        plugin["open_params"] = f"http://127.0.0.1:{self.port}/github"
        settings = {"plugins": [plugin], "load_plugins": ["github"]}
        self.agent = Agent(self._folder, [self._rules], settings=settings)
        self.agent.wait_until_ready()

    def post(self, payload, event="push", guid=None, *, form=False, signature=None, timeout=20, **headers):
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
        try:
            connection.request("POST", "/github", body, {key: value for key, value in sent.items() if value})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def stored(self):
        """Return the messages of the alerts that are stored, with those that are stored twice twice."""
        return [alert.message.strip() for alert in self.alerts()]

    def alerts(self):
        """Return the alerts that are stored."""
        history = History(self._folder / "state")
        try:
            return list(history.alerts(Wanted()))
        finally:
            history.close()

    def worker(self):
        """Return the worker's process id, None if there is none at this moment."""
        pid = self.agent.process.pid
        with contextlib.suppress(OSError, IndexError):
            return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        return None


@pytest.fixture
def hooked(tmp_path):
    """Return a function that starts an agent that webhooks are sent to."""
    agents = []

    def hooked(rules=RULES, **init_config):
        agents.append(Hooked(tmp_path, rules, **init_config))
        return agents[-1]

    yield hooked
    for one in agents:
        one.agent.kill()
