"""The rules that the plugin ships: each fires on its events and, alone, on none of the close ones beside them."""

from __future__ import annotations

import json

import pytest
import yaml
from okta_exemplars import EXEMPLARS

from falcohost.testing import rules_fired
from falcohost_okta import plugin


def event(kind, result="SUCCESS", threat="false"):
    """Return an event of the System Log."""
    return {
        "published": "2026-03-01T12:00:00.000Z",
        "eventType": kind,
        "actor": {"id": "00u1", "displayName": "Mallory", "alternateId": "mallory@example.com"},
        "outcome": {"result": result},
        "debugContext": {"debugData": {"threatSuspected": threat}},
    }


#: For each rule events that fire it, and events that fire nothing.
EVENTS = {
    "Okta identity provider added or changed": (
        [event(f"system.idp.lifecycle.{what}") for what in ("create", "update", "activate")],
        [event("system.idp.lifecycle.read_client_secret"), event("system.idp.lifecycle.deactivate")],
    ),
    "Okta policy switched off": (
        [
            event(f"policy.{what}")
            for what in ("lifecycle.deactivate", "lifecycle.delete", "rule.deactivate", "rule.delete")
        ],
        [event("policy.rule.delete", "FAILURE"), event("policy.rule.activate")],
    ),
    "Okta log stream stopped": (
        [event(f"system.log_stream.lifecycle.{what}") for what in ("deactivate", "delete")],
        [event("system.log_stream.lifecycle.delete", "FAILURE"), event("system.log_stream.lifecycle.activate")],
    ),
    "Okta user reported suspicious activity": (
        [event("user.account.report_suspicious_activity_by_enduser")],
        [event("user.account.update_profile")],
    ),
    "Okta threat suspected in a login that succeeded": (
        [event(kind, threat="true") for kind in ("user.session.start", "user.session.access_admin_app")],
        [
            event("user.session.start"),
            event("user.session.start", "FAILURE", threat="true"),
            event("user.session.end", threat="true"),
        ],
    ),
}


@pytest.fixture
def fired(tmp_path):
    """Return a function that returns the rules that fire on each of the events given."""

    def fired(events):
        path = tmp_path / "logs.json"
        path.write_text(json.dumps(events))
        return rules_fired(plugin, "okta", plugin.falcohost_rules(), {"open_params": str(path)})

    return fired


def test_all_rules_are_here():
    """Every rule that is shipped has its events here or among the exemplars."""
    items = [item for path in plugin.falcohost_rules() for item in yaml.safe_load(path.read_text())]

    assert {*EVENTS, *EXEMPLARS} == {item["rule"] for item in items if "rule" in item}


@pytest.mark.parametrize("rule", EVENTS)
def test_fires(fired, rule):
    """The rule, and no other of these, fires on its events and on none of the close ones."""
    fires, close = EVENTS[rule]

    found = [[name for name in names if name in EVENTS] for names in fired([*fires, *close])]

    assert found == [[rule]] * len(fires) + [[]] * len(close)
