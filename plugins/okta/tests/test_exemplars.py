"""The rules for logins and administration: each fires on its events and on none of the close ones beside them."""

from __future__ import annotations

import json

import pytest
from okta_exemplars import EXEMPLARS

from falcohost.testing import rules_fired
from falcohost_okta import plugin


@pytest.fixture(scope="module")
def fired(tmp_path_factory):
    """Return, for each rule, the rules that fire on each of its events, and on each of the close ones."""
    events = [event for pair in EXEMPLARS.values() for group in pair for event in group]
    path = tmp_path_factory.mktemp("log") / "events.log"
    path.write_text("\n".join(map(json.dumps, events)))
    fired = iter(rules_fired(plugin, "okta", plugin.falcohost_rules(), {"open_params": str(path)}))
    return {rule: tuple([next(fired) for _ in group] for group in pair) for rule, pair in EXEMPLARS.items()}


@pytest.mark.parametrize("rule", EXEMPLARS)
def test_fires(fired, rule):
    """The rule fires on its events and on none of the close ones."""
    own, close = fired[rule]

    assert all(rule in names for names in own), own
    assert not any(rule in names for names in close), close
