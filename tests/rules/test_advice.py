"""What the descriptions of shipped rules advise: what to do next, and which exception takes what is harmless."""

import re
from pathlib import Path

import pytest
import yaml

from falcohost.alert import MOST_TEXT
from falcohost.host.plugins import load_all
from falcohost_rules import shared_rules

#: What happened and why it matters, what to do next, what is harmless.
_ADVICE = re.compile(r"\S.*\. Next: (?P<following>.{20,}?)\. Benign: (?P<benign>.{20,})\.\Z")


def _rules():
    plugins = load_all()
    files = [*map(Path, plugins.rules()), *shared_rules(plugins.sources())]
    return {item["rule"]: item for path in files for item in yaml.safe_load(path.read_text()) if "rule" in item}


RULES = _rules()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_says_what_to_do(rule):
    """The description says what to do next and what is harmless, names exceptions of the rule, and fits an alert."""
    description = RULES[rule]["desc"].strip()
    advice = _ADVICE.fullmatch(description)
    assert advice is not None
    named = set(re.findall(r"\bexception (\w+)", advice["benign"]))

    assert named
    assert set() == named - {exception["name"] for exception in RULES[rule].get("exceptions", ())}
    assert len(description) <= MOST_TEXT


@pytest.mark.parametrize("part", ["following", "benign"])
def test_each_says_its_own(part):
    """No rule repeats the advice of another."""
    said = [_ADVICE.fullmatch(rule["desc"].strip())[part] for rule in RULES.values()]

    assert [] == sorted({text for text in said if said.count(text) > 1})
