"""Falco's public rules for GitHub, all of them, each with a payload that fires it and a close one that does not."""

from __future__ import annotations

import json

import pytest
import yaml

from falcohost.testing import rules_fired
from falcohost_github import plugin


def payload(event, action=None, *, private=False, **members):
    """Return the payload of a webhook that was called for *event*."""
    repository = {
        "html_url": "https://github.com/octo-org/app",
        "full_name": "octo-org/app",
        "private": private,
        "owner": {"login": "octo-org"},
    }
    whole = {"webhook_type": event, "repository": repository, "sender": {"login": "mona"}, **members}
    return whole if action is None else {**whole, "action": action}


def push(private, *secrets):
    """Return the payload of a push in whose commits *secrets* were found."""
    files = [{"name": "config.py", "matches": [{"desc": secret, "line": 3} for secret in secrets]}]
    return payload("push", private=private, head_commit={"id": "abc"}, files=files)


def workflow(*miners, action="requested"):
    """Return the payload of a workflow's run in whose file words of *miners* were found."""
    found = {"name": "ci.yml", "matches": [{"type": miner, "line": 7} for miner in miners]}
    return payload("workflow_run", action, workflow={"path": "ci.yml"}, workflow_miner_detections=found)


PAYLOADS = {
    "Webhook Connected": (payload("ping", hook={"id": 7, "type": "Repository"}), payload("pong")),
    "Webhook Disconnected": (payload("meta", "deleted", hook={"id": 7}), payload("meta", "created")),
    "Private Repository Becoming Public": (payload("repository", "publicized"), payload("repository", "renamed")),
    "Public Repository Becoming Private": (payload("repository", "privatized"), payload("repository", "edited")),
    "Create Public Repository": (payload("repository", "created"), payload("repository", "created", private=True)),
    "Delete Public Repository": (payload("repository", "deleted"), payload("repository", "deleted", private=True)),
    "Create Repository": (payload("repository", "created", private=True), payload("star", "created")),
    "Delete Repository": (payload("repository", "deleted", private=True), payload("star", "deleted")),
    "Create Deploy Key": (payload("deploy_key", "created"), payload("label", "created")),
    "Delete Deploy Key": (payload("deploy_key", "deleted"), payload("label", "deleted")),
    "Add Collaborator to Repository": (
        payload("member", "added", member={"login": "hubot"}),
        payload("member", "edited", member={"login": "hubot"}),
    ),
    "Remove Collaborator from Repository": (payload("member", "removed"), payload("membership", "removed")),
    "Secret pushed into a public repository": (push(False, "AWS Access Key"), push(False)),
    "Secret pushed into a private repository": (push(True, "AWS Access Key"), push(True)),
    "Github action with miners": (workflow("xmrig"), workflow()),
}


@pytest.fixture(scope="module")
def rules_file(corpus):
    """Return the rules file."""
    return corpus / "rules" / "github.yaml"


@pytest.fixture(scope="module")
def fired(rules_file, tmp_path_factory):
    """Return for each rule what its payload and its twin fire, read as one file of lines."""
    path = tmp_path_factory.mktemp("log") / "payloads.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for both in PAYLOADS.values() for one in both))
    found = iter(rules_fired(plugin, "github", [rules_file], {"open_params": str(path)}))
    return {rule: (next(found), next(found)) for rule in PAYLOADS}


def test_all_rules_are_here(rules_file):
    """Every rule of the public set has its payloads here."""
    names = {item["rule"] for item in yaml.safe_load(rules_file.read_text()) if "rule" in item}

    assert names == set(PAYLOADS)


@pytest.mark.parametrize("rule", PAYLOADS)
def test_fires(fired, rule):
    """The rule fires on its payload."""
    fires, _ = fired[rule]

    assert rule in fires


@pytest.mark.parametrize("rule", PAYLOADS)
def test_twin_does_not_fire(fired, rule):
    """The rule does not fire on the twin."""
    _, twin = fired[rule]

    assert rule not in twin
