"""The command asks Okta's API: as an unprivileged user, beside other sources, and told by the doctor what is wrong."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from falcohost.testing.agent import Agent
from falcohost.testing.cli import run_cli
from falcohost.testing.ports import Port
from falcohost.testing.server import HttpServer, Reply

RULES = """
- rule: Session
  desc: Fires on every session.
  condition: okta.evt.type = user.session.start
  output: session of %okta.actor.name in %okta.org
  priority: INFO
  source: okta
- rule: Line
  desc: Fires on every line.
  condition: json.value[/n] exists
  output: line %json.value[/n]
  priority: INFO
  source: app
"""


@pytest.fixture
def configured(tmp_path):
    """Return a function that writes the rules, and returns the settings for an API at an address."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "token").write_text("00a-secret-token\n")
    (tmp_path / "token").chmod(stat.S_IRUSR)

    def configured(url, **more):
        api = {"organization": "example", "url": url, "refresh_interval": 1, "since": "1h"}
        api["api_token_file"] = str(tmp_path / "token")
        log = {"name": "app", "open_params": str(tmp_path / "app.log"), "follow": True}
        return {
            "plugins": [
                {"name": "okta", "init_config": api | more},
                {"name": "json", "init_config": {"sources": [log]}},
            ],
            "load_plugins": ["okta", "json"],
            "engine": {"kind": "nodriver"},
        }

    return configured


@pytest.fixture
def start(tmp_path):
    """Return a function that starts an agent."""
    agents = []

    def start(settings):
        agents.append(Agent(tmp_path, [tmp_path / "rules.yaml"], settings=settings))
        return agents[-1]

    yield start
    for agent in agents:
        agent.kill()


def test_other_sources_go_on(configured, start, organization, tmp_path):
    """An API that cannot be reached holds up no other source, and its events come once it can."""
    (tmp_path / "app.log").write_text('{"n":1}\n')
    port = Port()
    agent = start(configured(f"http://127.0.0.1:{port.number}"))
    line = agent.wait_for(lambda alert: alert["rule"] == "Line")
    agent.wait_for_log(lambda log: "127.0.0.1 cannot be reached: Connection refused. Trying again in" in log)
    organization.add(actor={"displayName": "Alice"})
    server = HttpServer(organization.answer, port=port.number)
    try:
        session = agent.wait_for(lambda alert: alert["rule"] == "Session")
        assert 0 == agent.stop()
    finally:
        server.close()
        port.close()

    assert ["line 1", "session of Alice in example"] == [
        alert["output"].partition("Informational ")[2] for alert in (line, session)
    ]
    assert "works again, after" in agent.log


def test_unprivileged(configured, start, organization, tmp_path):
    """The process that asks has read the token, which only root may, and is nobody."""
    if os.geteuid():
        pytest.skip("only root has privileges to drop")
    agent = start(configured(organization.server.url) | {"load_plugins": ["okta"]})
    organization.add()
    agent.wait_for(lambda alert: alert["rule"] == "Session")
    pid = agent.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    users = {Path(f"/proc/{child}").stat().st_uid for child in children}
    threads = [status.read_text() for child in children for status in Path(f"/proc/{child}/task").glob("*/status")]

    assert 0 not in users
    assert {"0000000000000000"} == {
        line.split()[1] for text in threads for line in text.splitlines() if "CapEff" in line
    }


def doctor(tmp_path, settings):
    """Return exit code and what the doctor says of okta."""
    (tmp_path / "falco.yaml").write_text(json.dumps(settings))
    environment = os.environ | {"FALCOHOST_STATE_DIR": str(tmp_path / "state")}
    done = run_cli("-c", "falco.yaml", "doctor", "--json", folder=tmp_path, environment=environment)
    assert "Traceback" not in done.stderr
    assert "secret-token" not in done.stdout + done.stderr
    return next(finding["problem"] for finding in json.loads(done.stdout) if finding["source"] == "okta")


def test_doctor(configured, organization, tmp_path):
    """The doctor tells apart a token that was revoked, a name that is gone and a wrong address."""
    url = organization.server.url
    assert None is doctor(tmp_path, configured(url))
    organization.tokens = set()
    assert "the API token is not valid, was revoked" in doctor(tmp_path, configured(url))
    assert "the name nobody.invalid is unknown" in doctor(tmp_path, configured("https://nobody.invalid"))
    assert "cannot be read from /nowhere" in doctor(tmp_path, configured(url, api_token_file="/nowhere"))


def test_dry_run_while_the_api_is_down(configured, tmp_path):
    """A start goes on and asks again, so a dry run, and a reload behind it, warn only."""
    doctor(tmp_path, configured("http://127.0.0.1:9"))
    done = run_cli("-c", "falco.yaml", "--dry-run", folder=tmp_path, environment={"OKTA_API_TOKEN": "t0k1"})

    assert 0 == done.returncode
    assert "okta: 127.0.0.1 cannot be reached: Connection refused" in done.stderr
    elsewhere = HttpServer(lambda request: Reply(404, b"{}"))
    try:
        assert "there is no such organization; check organization or url" in doctor(tmp_path, configured(elsewhere.url))
    finally:
        elsewhere.close()
