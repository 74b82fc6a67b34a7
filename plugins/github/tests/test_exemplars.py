"""The rules on the audit log and on payloads: each fires on its records and on none of the close ones beside them."""

from __future__ import annotations

import json

import pytest
from exemplars_github import AUDIT, WEBHOOKS

from falcohost.testing import rules_fired
from falcohost_github import plugin

RULES = AUDIT | WEBHOOKS


@pytest.fixture(scope="module")
def fired(tmp_path_factory):
    """Return, for each rule, the rules that fire on each of its records, and on each of the close ones."""
    records = [record for pair in RULES.values() for group in pair for record in group]
    path = tmp_path_factory.mktemp("github") / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    fired = iter(rules_fired(plugin, "github", plugin.falcohost_rules(), {"open_params": str(path)}))
    return {rule: tuple([next(fired) for _ in group] for group in pair) for rule, pair in RULES.items()}


@pytest.mark.parametrize("rule", RULES)
def test_fires(fired, rule):
    """The rule fires on its records and on none of the close ones."""
    own, close = fired[rule]

    assert all(rule in names for names in own), own
    assert not any(rule in names for names in close), close
