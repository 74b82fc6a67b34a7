"""The filter that Okta's server is asked with: it leaves out what no rule wants, and nothing else."""

from __future__ import annotations

import json

import pytest

from falcohost.engine.plan import make_plan
from falcohost.host.catalogs import catalogs
from falcohost.host.plugins import Plugins, ask
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost.rules.selection import Selection
from falcohost.testing import rules_fired
from falcohost_okta import plugin
from falcohost_okta.wanted import MOST, filter_of, pushed_down

COUNTED = 'eventType eq "user.authentication.auth_via_mfa" or eventType eq "user.mfa.okta_verify.deny_push"'


def plan_of(path):
    """Return the plan of the rules in *path*."""
    plugins = Plugins((ask("tested", plugin, "tested", "0"),))
    options = LoadOptions(selections=[Selection(enable=True, rule="*")], plugins=plugins.stands_for())
    outcome = load_rules([read_file(str(path))], catalogs(plugins), options)
    outcome.check()
    return make_plan("okta", outcome.ruleset.enabled("okta"))


@pytest.fixture
def plan(tmp_path):
    """Return a function that makes the plan of conditions, each of a rule of its own."""

    def plan(*conditions):
        rules = [
            {
                "rule": f"R{number}",
                "desc": "d",
                "condition": condition,
                "output": "o",
                "priority": "INFO",
                "source": "okta",
            }
            for number, condition in enumerate(conditions)
        ]
        (tmp_path / "rules.yaml").write_text(json.dumps(rules))
        return plan_of(tmp_path / "rules.yaml")

    return plan


@pytest.mark.parametrize(
    ("wanted", "conditions"),
    [
        ('eventType eq "a"', ["okta.evt.type = a"]),
        ('eventType eq "a" or eventType eq "b"', ["okta.evt.type in (a, b)"]),
        ('eventType eq "a" or eventType eq "b"', ["okta.evt.type = a", "okta.actor.name = x and okta.evt.type = b"]),
        ('eventType eq "a"', ["okta.evt.type in (a, b) and okta.evt.type = a"]),
        ('eventType eq "a" or eventType eq "b"', ["(okta.evt.type = a or okta.evt.type = b) and okta.result = x"]),
        (COUNTED, ["okta.mfa.deny.countlast[300] > 2"]),
        (COUNTED, ["okta.mfa.failure.countlast[300] exists"]),
        (f'eventType eq "a" or {COUNTED}', ["okta.evt.type = a or okta.mfa.deny.countlast[60] < 9"]),
        ("", ["okta.evt.type = a or okta.result = x"]),
        ("", ["not okta.evt.type = a"]),
        ("", ["okta.evt.type != a"]),
        ("", ["okta.evt.type startswith a"]),
        ("", ["okta.evt.type = a", "okta.result = x"]),
        ("", ["tolower(okta.evt.type) = a"]),
        ("", ["okta.evt.type = val(okta.evt.legacytype)"]),
        ("", ["""okta.evt.type = 'a"b'"""]),
        ("", [f"okta.evt.type in ({', '.join(f't{number}' for number in range(MOST + 1))})"]),
    ],
)
def test_filter(plan, wanted, conditions):
    """A filter names all types for which a rule can be true; where these are not known there is no filter."""
    assert wanted == filter_of(plan(*conditions))


def test_public_rules(corpus, organization, tmp_path):
    """No event on which a public rule fires is left out, of all that are as the API has them."""
    rules = corpus / "rules" / "okta_rules.yaml"
    lines = (corpus / "events" / "okta.jsonl").read_text().splitlines()
    events = [event for line in lines if "eventType" in (event := json.loads(line)["event"])]
    wanted = filter_of(plan_of(rules))
    passes = organization.filter(wanted)
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    fired = rules_fired(plugin, "okta", [rules], {"open_params": str(tmp_path / "log.jsonl")})

    assert 21 == wanted.count("eventType eq")
    assert [] == [event for event, names in zip(events, fired, strict=True) if names and not passes(event)]
    assert any(names for names in fired)
    assert not all(passes(event) for event in events)


def test_what_is_asked_for(organization, read, plan):
    """The server is asked for what the rules want, and for something else once other rules do; nothing is lost."""
    old = [organization.add(eventType=kind) for kind in "abc"]
    reader = read(since="1h", server_filter=True, plan=plan("okta.evt.type = a"))
    reader.wait_for(1)
    asked = len(organization.asked)
    reader.wait_until(lambda: len(organization.asked) > asked + 1)  # by then it has found that there is no more
    reader.source.update(plan("okta.evt.type in (a, b)"))
    new = [organization.add(eventType=kind) for kind in "abc"]
    reader.wait_for(3)
    again = read(reader.close(), server_filter=True, plan=plan("okta.evt.type = c"))
    again.wait_for(2)

    assert [old[0]["uuid"], old[1]["uuid"], new[0]["uuid"], new[1]["uuid"]] == reader.uuids
    assert [old[2]["uuid"], new[2]["uuid"]] == again.uuids
    asked = [query.get("filter") for query in organization.asked if query["sortOrder"] == "ASCENDING"]
    assert ['eventType eq "a"', 'eventType eq "a" or eventType eq "b"', 'eventType eq "c"'] == list(
        dict.fromkeys(asked)
    )


def test_backlog_is_not_left_behind(organization, read, plan):
    """Rules that change while a backlog is read do not end it."""
    organization.most = 5
    for number in range(200):
        event = organization.add(ago=3000 - number, eventType="ab"[number % 2], actor={"id": str(number)})
        organization.events[-1] = (organization.now - 3000 + number, event)
    reader = read(since="1h", server_filter=True, plan=plan("okta.evt.type = a"))
    reader.wait_for(10)
    reader.source.update(plan("okta.evt.type in (a, c)"))
    reader.wait_for(100)

    assert [str(number) for number in range(0, 200, 2)] == [event.record["actor"]["id"] for event in reader.events]


def test_explained(plan):
    """People are told what is asked for, where it is."""
    told = [list(pushed_down(settings)(plan("okta.evt.type = a"))) for settings in ({}, {"server_filter": True})]

    assert [("the System Log", 'filter of requests: eventType eq "a"')] == [
        line for line in told[1] if line not in told[0]
    ]
