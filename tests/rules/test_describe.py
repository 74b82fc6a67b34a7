"""The description of what was loaded: ``-L`` and ``-l``."""

import pytest

from falcohost.errors import RulesError
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.describe import Describer, PluginUse, description_table

TEXT = """
- required_engine_version: 0.50.0
- required_plugin_versions:
    - name: container
      version: 0.1.0
      alternatives: [{name: other, version: 0.2.0}]
- list: inner
  items: [x, y]
- list: names
  items: [inner, z]
- list: unused
  items: []
- macro: is_named
  condition: proc.name in (names)
- rule: r
  desc: A rule.
  condition: evt.type=open and is_named and fd.name startswith oneof (/a, "/b c")
  output: "%proc.name %toupper(proc.pname) %proc.aname[2] %proc.name"
  priority: info
  tags: [b, a]
  exceptions:
    - name: e
      fields: [proc.name, fd.name]
      comps: [=, endswith]
      values: [[a, b]]
    - name: f
      fields: proc.cmdline
"""


@pytest.fixture
def describe(load, catalogs):
    """Return a function that loads a text and returns its describer."""

    def describe(text, *plugins, **options):
        outcome = load(text, plugins={"container": "0.7.0"}, **options)
        assert outcome.ok, outcome.results[0].errors
        return Describer(outcome, catalogs, {"syscall": frozenset({"open", "dup", "close"})}, plugins)

    return describe


def test_requirements(describe):
    """The greatest engine version and all plugin requirements are there."""
    found = describe(TEXT).everything()

    assert "0.50.0" == found["required_engine_version"]
    expected = {"name": "container", "version": "0.1.0", "alternatives": [{"name": "other", "version": "0.2.0"}]}
    assert [expected] == found["required_plugin_versions"]


def test_rule(describe):
    """A rule has what was written, and what it is made of once all is put in."""
    (rule,) = describe(TEXT).everything()["rules"]

    assert {
        "name": "r",
        "condition": 'evt.type=open and is_named and fd.name startswith oneof (/a, "/b c")',
        "priority": "Informational",
        "output": "%proc.name %toupper(proc.pname) %proc.aname[2] %proc.name",
        "description": "A rule.",
        "enabled": True,
        "source": "syscall",
        "capture": False,
        "capture_duration": 0,
        "tags": ["a", "b"],
    } == rule["info"]
    assert {
        "macros": ["is_named"],
        "lists": [],
        "condition_operators": ["=", "endswith", "in", "startswith oneof"],
        "condition_fields": ["evt.type", "fd.name", "proc.name"],
        "output_fields": ["proc.name", "proc.pname", "toupper(proc.pname)", "proc.aname[2]", "proc.name"],
        "exception_fields": ["fd.name", "proc.name"],
        "exception_names": ["e", "f"],
        "exception_operators": ["=", "endswith", "in"],
        "events": ["asyncevent", "open"],
        "condition_compiled": "((evt.type = open and proc.name in (x, y, z) and fd.name startswith oneof (/a, "
        '"/b c")) and not (proc.name = a and fd.name endswith b))',
        "output_compiled": "%proc.name %toupper(proc.pname) %proc.aname[2] %proc.name",
        "plugins": [],
    } == rule["details"]


def test_macro(describe):
    """A macro says what it is made of, and whether something uses it."""
    (macro,) = describe(TEXT).everything()["macros"]

    assert {"name": "is_named", "condition": "proc.name in (names)"} == macro["info"]
    assert {
        "used": True,
        "macros": [],
        "lists": ["names"],
        "condition_operators": ["in"],
        "condition_fields": ["proc.name"],
        "events": ["asyncevent", "close", "dup", "open"],
        "condition_compiled": "proc.name in (x, y, z)",
        "plugins": [],
    } == macro["details"]


def test_lists(describe):
    """A list tells its own items from the lists in it."""
    inner, names, unused = describe(TEXT).everything()["lists"]

    assert ({"name": "names", "items": ["z"]}, ["inner"], ["x", "y", "z"]) == (
        names["info"],
        names["details"]["lists"],
        names["details"]["items_compiled"],
    )
    assert [True, True, False] == [found["details"]["used"] for found in (inner, names, unused)]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("evt.type in (open, dup)", ["asyncevent", "dup", "open"]),
        ("evt.type!=open", ["asyncevent", "close", "dup"]),
        ("not (evt.type=open or evt.type=dup)", ["asyncevent", "close"]),
        ("evt.type exists", ["asyncevent", "close", "dup", "open"]),
        ("evt.type=open and evt.type=dup", ["asyncevent"]),
    ],
)
def test_events(describe, rule, condition, expected):
    """The event types that a rule can match are there, and the asynchronous event always."""
    assert expected == describe(rule(condition)).everything()["rules"][0]["details"]["events"]


def test_events_of_other_sources(describe, rule):
    """Rules of other sources match plugin events, whatever they say."""
    found = describe(rule("okta.severity=1", "source: okta")).everything()["rules"][0]

    assert ["asyncevent", "pluginevent"] == found["details"]["events"]


def test_plugins(describe, rule):
    """A rule uses the plugin of its source, and those whose fields it has in condition or output."""
    plugins = (
        PluginUse("host", frozenset({"syscall"})),
        PluginUse("container", fields={"syscall": frozenset({"container.id"})}),
        PluginUse("other", fields={"okta": frozenset({"proc.name"})}),
    )
    with_field = describe(rule(output='"%container.id"'), *plugins).everything()["rules"][0]
    without = describe(rule("evt.type=open and proc.name=x"), *plugins).everything()["rules"][0]

    assert ["container", "host"] == with_field["details"]["plugins"]
    assert ["host"] == without["details"]["plugins"]


def test_appended_output(describe, rule):
    """The configured additions are in the compiled output, and fields for JSON alone are listed."""
    extra = AppendOutput(extra_output="%fd.name", extra_fields=(("proc.name", None), ("who", "%proc.pname!")))
    found = describe(rule(), append_output=[extra]).everything()["rules"][0]

    assert ("out", "out %fd.name") == (found["info"]["output"], found["details"]["output_compiled"])
    assert ["%proc.name", "%proc.pname!", "fd.name"] == found["details"]["output_fields"]
    assert {"who": "%proc.pname!"} == found["details"]["extra_output_formatted_fields"]


def test_one_rule(describe):
    """One rule can be described alone."""
    described = describe(TEXT)

    assert {"rules": described.everything()["rules"]} == described.rule("r")
    with pytest.raises(RulesError, match='Rule "nope" is not loaded'):
        described.rule("nope")


def test_table(describe, rule):
    """The table has names and descriptions, wrapped, with an empty line behind each."""
    text = rule(name="short") + rule(name="a rule whose name is longer than its column of the table")
    text = text.replace("desc: d", "desc: " + "word " * 14)

    expected = f"""\
{"Rule":<50} Description
{"----":<50} -----------
{"short":<50} {"word " * 11}
{"":<50} {"word " * 3}

a rule whose name is longer than its column of the table {"word " * 11}
{"":<50} {"word " * 3}
"""
    assert expected == description_table(describe(text).everything())
