"""Which rules are on: the configuration's ``rules`` and the minimum priority."""

import pytest

from falcohost.alert import Priority
from falcohost.rules.selection import Selection


@pytest.fixture
def enabled(load, rule):
    """Return a function that returns the names of the rules that are on, of four, with the given options."""
    text = rule("evt.type=open", "tags: [a]", name="open one") + rule("evt.type=open", "tags: [a, b]", name="open two")
    text += rule("evt.type=dup", "enabled: false", name="dup") + rule(priority="ERROR", name="close one")

    def enabled(**options):
        return [found.name for found in load(text, **options).ruleset.rules if found.enabled]

    return enabled


@pytest.mark.parametrize(
    ("selections", "expected"),
    [
        ([], ["open one", "open two", "close one"]),
        ([Selection(False, rule="open one")], ["open two", "close one"]),
        ([Selection(False, rule="open*")], ["close one"]),
        ([Selection(False, rule="*one")], ["open two"]),
        ([Selection(False, rule="*o*e*")], ["open two"][:0]),
        ([Selection(False, rule="open")], ["open one", "open two", "close one"]),
        ([Selection(False, rule="open.*")], ["open one", "open two", "close one"]),
        ([Selection(False, tag="b")], ["open one", "close one"]),
        ([Selection(False, tag="*")], ["open one", "open two", "close one"]),
        ([Selection(True, rule="dup")], ["open one", "open two", "dup", "close one"]),
        ([Selection(False, rule="*"), Selection(True, tag="a")], ["open one", "open two"]),
        ([Selection(True, tag="a"), Selection(False, rule="*")], []),
    ],
)
def test_selections(enabled, selections, expected):
    """Selections switch rules by wildcard or by tag, one after the other."""
    assert expected == enabled(selections=selections)


def test_minimum_priority(enabled):
    """Rules that are less severe are off, whatever is selected."""
    options = {"minimum_priority": Priority.WARNING, "selections": [Selection(True, rule="*")]}

    assert ["close one"] == enabled(**options)
