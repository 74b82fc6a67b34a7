"""The examples of docs/lookups.md: tables and rules load as they are, and the rules fire."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from mmdb import database

from falcohost.testing.agent import Agent
from falcohost.testing.server import Reply

PAGE = Path(__file__).resolve().parents[3] / "docs" / "lookups.md"

ACCOUNTS = {"111122223333": {"name": "shop", "team": "prod"}, "444455556666": {"name": "play", "team": "lab"}}
USERS = "name,groups,leaves\nann,operators;staff,no\nBob,staff,yes\n"
GEO = {"192.0.2.0/24": {"country": {"iso_code": "NZ"}}, "198.51.100.0/24": {"country": {"iso_code": "AQ"}}}


def trail(user: str, account: str) -> dict:
    """Return a record of CloudTrail."""
    return {
        "eventVersion": "1.08",
        "eventType": "AwsApiCall",
        "eventTime": "2026-03-01T12:00:00Z",
        "eventName": "DeleteBucket",
        "eventSource": "s3.amazonaws.com",
        "eventID": f"{user}-{account}",
        "awsRegion": "us-east-1",
        "userIdentity": {"type": "IAMUser", "userName": user, "accountId": account},
        "recipientAccountId": account,
    }


def sign_in(login: str) -> dict:
    """Return an event of Okta."""
    return {
        "uuid": login,
        "published": "2026-03-01T12:00:00.000Z",
        "eventType": "user.session.start",
        "actor": {"id": login, "type": "User", "alternateId": login},
        "client": {"ipAddress": "198.51.100.7"},
    }


def deletion(user: str) -> dict:
    """Return an event of GitHub."""
    return {
        "webhook_type": "repository",
        "action": "deleted",
        "repository": {"id": 1, "full_name": "o/r", "html_url": "https://github.com/o/r", "owner": {"login": "o"}},
        "sender": {"login": user},
    }


def read(user: str, address: str) -> dict:
    """Return a record of Kubernetes."""
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "stage": "ResponseComplete",
        "auditID": user,
        "verb": "get",
        "user": {"username": user},
        "sourceIPs": [address],
        "objectRef": {"resource": "secrets", "name": "key", "namespace": "shop"},
        "responseStatus": {"code": 200},
        "stageTimestamp": "2026-03-01T12:00:00.000000Z",
    }


EVENTS = {
    "cloudtrail": [trail("bob", "111122223333"), trail("ann", "111122223333"), trail("bob", "444455556666")],
    "okta": [sign_in("BOB"), sign_in("ann")],
    "github": [deletion("eve"), deletion("ann")],
    "k8saudit": [read("bob", "198.51.100.1"), read("ann", "192.0.2.1")],
}
EXPECTED = [
    "DeleteBucket by bob ((staff)) in shop",
    "BOB from AQ",
    "https://github.com/o/r by eve",
    "key by bob, who is in (staff)",
]


def blocks(name: str) -> list[str]:
    """Return the examples on the page for this file."""
    return re.findall(rf"^```\w*\n# {re.escape(name)}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def tables(tmp_path, serve):
    """Return the page's tables, with files in a folder of the test's, and a server of its own."""
    files = {
        "assets.csv": blocks("/etc/falcohost/assets.csv")[0].encode(),
        "accounts.json": json.dumps(ACCOUNTS).encode(),
        "users.csv": USERS.encode(),
        "GeoLite2-Country.mmdb": database(GEO),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    server = serve(lambda request: Reply(200, b"192.0.2.1\n"))
    found = {}
    for block in blocks("falco.yaml"):
        for name, table in yaml.safe_load(block)["tables"].items():
            if "file" in table:
                table["file"] = str(tmp_path / Path(table["file"]).name)
                assert Path(table["file"]).name in files
            else:
                table["url"] = f"{server.url}/addresses.txt"
            found[name] = table
    return found


def test_the_examples_fire(tables, tmp_path):
    """Each rule for a cloud fires on the event that it is about, and not on the harmless one beside it."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("\n".join(blocks("rules.yaml")))
    plugins = []
    for name, events in EVENTS.items():
        path = tmp_path / f"{name}.json"
        path.write_text("".join(json.dumps(event) + "\n" for event in events))
        plugins.append({"name": name, "open_params": str(path), "init_config": {}})
    agent = Agent(tmp_path, [rules], settings={"plugins": plugins, "tables": tables, "engine": {"kind": "nodriver"}})
    try:
        agent.wait_for_log(lambda log: all(f"Event source '{name}' has ended" in log for name in SOURCES))
        agent.stop()
        found = [alert["output"].partition("Warning ")[2] for alert in agent.alerts if alert["source"] in SOURCES]
    finally:
        agent.kill()

    assert sorted(EXPECTED) == sorted(found), agent.log


SOURCES = ("aws_cloudtrail", "okta", "github", "k8s_audit")
