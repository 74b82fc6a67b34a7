"""Which techniques of ATT&CK rules cover, and why others are not shown."""

import json
import re

import pytest

from falcohost.rules.attack.coverage import coverage, number_in
from falcohost.rules.attack.layer import layer
from falcohost.rules.attack.techniques import techniques, unseen

HOST = frozenset(("Linux", "Containers"))


@pytest.fixture
def attack(load):
    """Return a function that returns the coverage by number of rules with *tags*."""

    def attack(*tags, platforms=HOST):
        body = "  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n"
        text = "".join(f"- rule: r{number}\n{body}  tags: [{tag}]\n" for number, tag in enumerate(tags))
        return coverage(load(text).ruleset.rules, platforms)

    return attack


def by_number(found):
    """Return the coverage of each technique by its number."""
    return {one.technique.number: one for one in found.techniques}


def test_techniques():
    """The list of techniques is whole: each part has its technique, each has tactics and platforms."""
    assert 691 == len(techniques())
    assert all(one.parent is None or one.parent in techniques() for one in techniques().values())
    assert all(one.tactics and one.platforms and one.name for one in techniques().values())
    assert ("Unix Shell", ("execution",)) == (techniques()["T1059.004"].name, techniques()["T1059.004"].tactics)


def test_reasons():
    """Each technique that is said not to be shown exists."""
    assert set(unseen()) <= set(techniques())
    assert "it is in the content of network traffic, which is not read" == unseen()["T1071.004"]


def test_rules(attack):
    """A rule is for the techniques among its tags, and a technique is covered by rules for its parts, too."""
    found = by_number(attack("T1059.004", '"maturity_stable", T1059.004, T1055', "T1059"))

    assert ("r0", "r1") == found["T1059.004"].rules
    assert (("r2",), 2, True) == (found["T1059"].rules, found["T1059"].parts, found["T1059"].covered)
    assert found["T1055"].covered
    assert not found["T1059.006"].covered


def test_why_not(attack):
    """A technique is not shown if no source tells of its platforms, or for the reason that is listed."""
    found = by_number(attack("T1059"))

    assert "" == found["T1059.006"].why_not
    assert "it is one for Windows, which no loaded source tells of" == found["T1059.001"].why_not
    assert "it comes before anything happens on these systems" == found["T1595"].why_not
    assert unseen()["T1071"] == found["T1071"].why_not
    assert found["T1578"].why_not
    assert "" == by_number(attack("T1059", platforms=HOST | {"IaaS"}))["T1578"].why_not


def test_other_tags(attack):
    """Rules without a technique, and those with one that ATT&CK does not have, are told."""
    found = attack("T9999", "process", "T1059")

    assert {"T9999": ["r0"]} == found.unknown
    assert ["r1"] == found.untagged


@pytest.mark.parametrize(
    ("tag", "number"),
    [
        ("T1059", "T1059"),
        ("T1059.004", "T1059.004"),
        ("mitre_T1059_004", "T1059.004"),
        ("attack.t1059.004", "T1059.004"),
        ("mitre_execution", None),
        ("T105", None),
        ("T10599", None),
    ],
)
def test_tags(tag, number):
    """Tags are read as the rules of Falco, and those of others, write them."""
    assert number == number_in(tag)


def test_layer(attack):
    """The layer has what version 4.5 of the Navigator's format requires, and a score for each rule."""
    data = json.loads(json.dumps(layer(attack("T1059.004", "T1059.004"), HOST, "1.0")))
    found = {one["techniqueID"]: one for one in data["techniques"]}

    assert {"attack": "18", "navigator": "4.9.0", "layer": "4.5"} == data["versions"]
    assert ("falcohost", "enterprise-attack") == (data["name"], data["domain"])
    assert (2, "r0\nr1") == (found["T1059.004"]["score"], found["T1059.004"]["comment"])
    assert "2 rules for its parts" == found["T1059"]["comment"]
    assert (False, f"not shown: {unseen()['T1071']}") == (found["T1071"]["enabled"], found["T1071"]["comment"])
    assert "no rule" == found["T1059.006"]["comment"]
    assert "T1059.001" not in found
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", number) for number in found)
    assert {"colors", "minValue", "maxValue"} == set(data["gradient"])
