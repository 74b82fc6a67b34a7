"""The rules that the plugin ships: each fires on its payloads and, alone, on none of the close ones beside them."""

from __future__ import annotations

import json

import pytest
import yaml
from exemplars_github import AUDIT, WEBHOOKS

from falcohost.testing import rules_fired
from falcohost_github import plugin


def payload(event, action=None, **members):
    """Return the payload of a webhook that was called for *event*."""
    return {"webhook_type": event, "action": action, "sender": {"login": "mona"}, **members}


def push(ref, *, forced, deleted=False):
    """Return the payload of a push."""
    return payload("push", ref=ref, forced=forced, deleted=deleted, before="abc", after="def")


#: For each rule payloads that fire it, and payloads that fire nothing.
PAYLOADS = {
    "GitHub branch protection removed": (
        [
            payload("branch_protection_rule", "deleted"),
            payload("repository_ruleset", "deleted"),
            payload("branch_protection_configuration", "disabled"),
        ],
        [payload("branch_protection_rule", "created"), payload("branch_protection_configuration", "enabled")],
    ),
    "GitHub secret pushed past the protection": (
        [payload("secret_scanning_alert", "created", alert={"push_protection_bypassed": True})],
        [
            payload("secret_scanning_alert", "created", alert={"push_protection_bypassed": False}),
            payload("secret_scanning_alert", "resolved", alert={"push_protection_bypassed": True}),
        ],
    ),
    "GitHub history of the default branch rewritten": (
        [push("refs/heads/main", forced=True), push("refs/heads/master", forced=True)],
        [
            push("refs/heads/main", forced=False),
            push("refs/heads/feature", forced=True),
            push("refs/heads/main", forced=True, deleted=True),
        ],
    ),
    "GitHub deploy key that can write": (
        [payload("deploy_key", "created", key={"read_only": False})],
        [
            payload("deploy_key", "created", key={"read_only": True}),
            payload("deploy_key", "deleted", key={"read_only": False}),
        ],
    ),
    "GitHub organization owner added": (
        [payload("organization", "member_added", membership={"role": "admin", "user": {"login": "hubot"}})],
        [
            payload("organization", "member_added", membership={"role": "member"}),
            payload("organization", "member_removed", membership={"role": "admin"}),
        ],
    ),
}


@pytest.fixture
def fired(tmp_path):
    """Return a function that returns the rules that fire on each of the payloads given."""

    def fired(payloads):
        path = tmp_path / "payloads.json"
        path.write_text(json.dumps(payloads))
        return rules_fired(plugin, "github", plugin.falcohost_rules(), {"open_params": str(path)})

    return fired


def test_all_rules_are_here():
    """Every rule that is shipped has its payloads here or among the exemplars."""
    items = [item for path in plugin.falcohost_rules() for item in yaml.safe_load(path.read_text())]

    assert {*PAYLOADS, *AUDIT, *WEBHOOKS} == {item["rule"] for item in items if "rule" in item}


@pytest.mark.parametrize("rule", PAYLOADS)
def test_fires(fired, rule):
    """The rule, and no other, fires on its payloads and on none of the close ones."""
    fires, close = PAYLOADS[rule]

    assert [[rule]] * len(fires) + [[]] * len(close) == fired([*fires, *close])
