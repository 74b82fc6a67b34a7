"""Falco's public rules for Okta, all of them, each with events that fire it and ones that are close and do not."""

from __future__ import annotations

import json

import pytest
import yaml

from falcohost.testing import rules_fired
from falcohost.testing.agent import Agent
from falcohost_okta import plugin

#: Both are true of the third refusal of either kind, as in Falco.
FAILED = "Too many failed MFA in last 5min"
DENIED = "Too many denied MFA Pushes in last 5min"

#: Type of the event that fires the rule, and a type that is close.
TYPES = {
    "User Changing password in to OKTA": ("user.account.update_password", "user.account.update_profile"),
    "Creating a new OKTA user account": ("user.lifecycle.create", "group.lifecycle.create"),
    "User accessing app via single sign on OKTA": ("user.authentication.sso", "user.authentication.slo"),
    "User has been locked out in OKTA": ("user.account.lock", "user.account.unlock"),
    "User has been moved from suspended status in OKTA.": ("user.lifecycle.unsuspend", "user.lifecycle.suspend"),
    "User has been activated in OKTA": ("user.lifecycle.activate", "user.lifecycle.reactivate"),
    "User has been deactivated in OKTA": ("user.lifecycle.deactivate", "user.lifecycle.delete.initiated"),
    "User has been suspended in OKTA": ("user.lifecycle.suspended", "user.lifecycle.suspend"),
    "Admin permission has been assigned to a user in OKTA": (
        "user.account.privilege.grant",
        "user.account.privilege.revoke",
    ),
    "Creating a new OKTA API token": ("system.api_token.create", "system.api_token.revoke"),
    "User accessing OKTA admin section": ("user.session.access_admin_app", "user.session.end"),
    "Adding user in OKTA group": ("group.user_membership.add", "group.user_membership.remove"),
    "removing MFA factor from user in OKTA": ("user.mfa.factor.deactivate", "user.mfa.factor.activate"),
    "removing all MFA factor from user in OKTA": ("user.mfa.factor.reset_all", "user.mfa.factor.update"),
    "User password reset by OKTA admin": ("user.account.reset_password", "user.account.expire_password"),
    "User hitting the rate limit on requests in OKTA": (
        "system.org.rate_limit.violation",
        "system.org.rate_limit.warning",
    ),
    "Adding user to application membership in OKTA": (
        "application.user_membership.add",
        "application.user_membership.remove",
    ),
    "User initiating impersonation session in OKTA": (
        "user.session.impersonation.initiate",
        "user.session.impersonation.end",
    ),
    "Detecting unknown logins using geolocation": ("user.session.start", "user.session.end"),
}


def event(kind, second=0, actor="00u1", result="SUCCESS"):
    """Return an event of the System Log."""
    return {
        "uuid": f"{kind} {second} {actor}",
        "published": f"2026-03-01T12:{second // 60:02}:{second % 60:02}.000Z",
        "eventType": kind,
        "version": "0",
        "severity": "INFO",
        "actor": {"id": actor, "type": "User", "displayName": "Alice", "alternateId": "alice@example.com"},
        "client": {"ipAddress": "203.0.113.7", "geographicalContext": {"country": "Germany"}},
        "outcome": {"result": result},
        "target": [{"id": "00u2", "type": "User", "displayName": "Bob"}],
    }


@pytest.fixture(scope="module")
def rules_file(corpus):
    """Return the rules file."""
    return corpus / "rules" / "okta_rules.yaml"


@pytest.fixture
def fired(rules_file, tmp_path):
    """Return a function that reads events as one log and returns what each of them fires."""

    def fired(*events):
        path = tmp_path / "system.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in events))
        return [set(names) for names in rules_fired(plugin, "okta", [rules_file], {"open_params": str(path)})]

    return fired


def test_all_rules_are_here(rules_file):
    """Every rule of the public set is tested here."""
    names = {item["rule"] for item in yaml.safe_load(rules_file.read_text()) if "rule" in item}

    assert names == {FAILED, DENIED, *TYPES}


def test_each_type_fires_its_rule_alone(fired):
    """Each rule, and no other, fires on its type of event; nothing fires on the type that is close."""
    events = [event(kind) for kinds in TYPES.values() for kind in kinds]

    assert [names for rule in TYPES for names in ({rule}, set())] == fired(*events)


@pytest.mark.parametrize(
    "refusal", [("user.authentication.auth_via_mfa", "FAILURE"), ("user.mfa.okta_verify.deny_push", "SUCCESS")]
)
def test_third_refusal_fires(fired, refusal):
    """The third refusal within five minutes fires, and the next that comes when the first are long gone does not."""
    kind, result = refusal
    events = [event(kind, second, result=result) for second in (0, 100, 299, 700)]

    assert [set(), set(), {FAILED, DENIED}, set()] == fired(*events)


def test_over_the_api(rules_file, organization, tmp_path):
    """An agent that asks the API alerts on each event that fires a rule, and on none of those that are close."""
    refusals = [event("user.mfa.okta_verify.deny_push", result="SUCCESS")] * 3
    events = [*(event(kind) for kinds in TYPES.values() for kind in kinds), *refusals]
    for second, one in enumerate(events):
        organization.add(ago=len(events) - second, **{name: one[name] for name in one.keys() - {"uuid", "published"}})
    init_config = {"organization": "example", "url": organization.server.url, "api_token": "00a-secret-token"}
    settings = {
        "plugins": [{"name": "okta", "init_config": init_config | {"since": "1h"}, "open_params": ""}],
        "load_plugins": ["okta"],
        "rules": [{"enable": {"rule": "*"}}],
        "rule_matching": "all",
        "engine": {"kind": "nodriver"},
    }
    agent = Agent(tmp_path, [rules_file], settings=settings)
    try:
        agent.wait_for(lambda alert: alert["rule"] == DENIED)
        agent.wait_for(lambda alert: alert["rule"] == FAILED)
        assert 0 == agent.stop()
    finally:
        agent.kill()

    assert sorted([FAILED, DENIED, *TYPES]) == sorted(alert["rule"] for alert in agent.alerts)


def test_refusals_of_others_do_not_count(fired):
    """Refusals of several users, and successes between them, are not counted together."""
    kind = "user.authentication.auth_via_mfa"
    events = [
        event(kind, 0, "00u1", "FAILURE"),
        event(kind, 1, "00u2", "FAILURE"),
        event(kind, 2, "00u1", "SUCCESS"),
        event(kind, 3, "00u1", "FAILURE"),
    ]

    assert [set()] * 4 == fired(*events)
