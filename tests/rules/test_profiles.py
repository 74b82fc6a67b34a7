"""Profiles of shipped rules: which maturities each leaves out, and that rules of users are not concerned."""

from pathlib import Path

import pytest
import yaml

from falcohost.host.plugins import load_all
from falcohost.rules.profiles import PROFILES, left_out
from falcohost.rules.selection import Selection
from falcohost_rules import shared_rules


@pytest.fixture
def enabled(load, rule):
    """Return a function that returns the names of the rules that are on, of one for each maturity and one without."""
    names = ("stable", "incubating", "sandbox")
    text = "".join(rule("evt.type=open", f"tags: [maturity_{name}]", name=name) for name in names)
    text += rule("evt.type=open", name="untagged")

    def enabled(*selections):
        return {found.name for found in load(text, selections=selections).ruleset.rules if found.enabled}

    return enabled


@pytest.fixture
def file(load, rule):
    """Return the name of the file that the rules are in."""
    return load(rule("evt.type=open", name="x")).results[0].name


@pytest.mark.parametrize(
    ("profile", "out"), [("default", {"incubating", "sandbox"}), ("wide", {"sandbox"}), ("all", set())]
)
def test_what_is_left_out(enabled, file, profile, out):
    """A profile leaves out rules by their maturity; one without a maturity is stable."""
    assert {"stable", "incubating", "sandbox", "untagged"} - out == enabled(*left_out(profile, [file]))


def test_rules_of_users(enabled):
    """Rules in other files than the shipped ones stay, whatever their maturity."""
    assert {"stable", "incubating", "sandbox", "untagged"} == enabled(*left_out("default", ["shipped.yaml"]))
    assert () == left_out("default", [])


def test_switched_on_after_it(enabled, file):
    """What the configuration switches on after the profile is on."""
    assert "sandbox" in enabled(*left_out("default", [file]), Selection(True, rule="sandbox"))


def test_shipped_rules_say_how_mature_they_are():
    """Each shipped rule has one of the tags that profiles go by."""
    plugins = load_all()
    files = [*map(Path, plugins.rules()), *shared_rules(plugins.sources())]
    rules = [item for path in files for item in yaml.safe_load(path.read_text()) if "rule" in item]
    known = {"maturity_stable", *(tag for tags in PROFILES.values() for tag in tags)}

    assert len(rules) > 200
    assert [] == [item["rule"] for item in rules if len(known.intersection(item["tags"])) != 1]
