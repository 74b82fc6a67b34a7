"""The plugin is held to the contracts that falcohost has for every plugin, on a file as Okta's API answers."""

from __future__ import annotations

import json

import pytest

from falcohost.testing import PluginContract, SourceContract
from falcohost_okta import plugin

EVENT = {
    "uuid": "u",
    "published": "2026-03-01T12:00:00.000Z",
    "eventType": "user.mfa.okta_verify.deny_push",
    "actor": {"id": "00u1", "type": "User", "displayName": "Alice"},
    "client": {"geographicalContext": {"geolocation": {"lat": 50.1, "lon": 8}}},
    "target": [{"id": "00u2", "type": "User", "displayName": "Bob"}],
    "securityContext": {"asNumber": 701, "isProxy": False},
    "authenticationContext": {"authenticationStep": 0},
}
ODD = {name: ["odd"] for name in EVENT} | {"published": "2026-03-01T12:00:01.000Z"}


class TestPlugin(PluginContract):
    """Its hooks and fields are sound."""

    plugin = plugin


class TestSource(SourceContract):
    """Its source keeps the contract."""

    plugin = plugin
    source = "okta"

    @pytest.fixture
    def config(self, tmp_path):
        """Return the settings for an array of events, among them an odd one."""
        path = tmp_path / "logs.json"
        path.write_text(json.dumps([EVENT, ODD, *[EVENT] * 10]))
        return {"open_params": str(path), "organization": "example"}
