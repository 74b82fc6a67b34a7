"""The plugin is held to the contracts that falcohost has for every plugin, on a file of payloads."""

from __future__ import annotations

import json

import pytest

from falcohost.testing import PluginContract, SourceContract
from falcohost_github import plugin

PAYLOAD = {
    "webhook_type": "push",
    "repository": {"html_url": "https://github.com/octo-org/app", "private": True},
    "sender": {"login": "mona"},
    "hook": {"id": 7},
    "commits": [{"added": ["a.py"]}],
    "files": [{"name": "a.py", "matches": [{"desc": "AWS key", "line": 3}]}],
    "workflow_miner_detections": {"matches": [{"type": "xmrig", "line": 1}]},
}
ODD = {name: ["odd"] for name in PAYLOAD}


class TestPlugin(PluginContract):
    """Its hooks and fields are sound."""

    plugin = plugin


class TestSource(SourceContract):
    """Its source keeps the contract."""

    plugin = plugin
    source = "github"

    @pytest.fixture
    def config(self, tmp_path):
        """Return the settings for a file of payloads, among them an odd one."""
        path = tmp_path / "payloads.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in (PAYLOAD, ODD, *[PAYLOAD] * 10)))
        return {"open_params": str(path)}
