"""Fixtures for tests of rules: sources with a few fields, and a loader of rules written in the test."""

import pytest

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.fields import ArgKind, Field, FieldType
from falcohost.rules.loader import LoadOptions, load_rules
from falcohost.rules.places import RulesFile

EVENT_TYPES = frozenset({"open", "openat", "close", "dup", "execve", "connect"})


def _known_type(text):
    return None if text in EVENT_TYPES else f"unknown event type {text}"


def _field(name, kind=FieldType.CHARBUF, **more):
    return Field(name=name, type=kind, description=f"{name}.", get=lambda event, arg: event.get(name), **more)


SYSCALL = (
    _field("evt.type", check_value=_known_type),
    _field("evt.dir", deprecated=True),
    _field("evt.latency"),
    _field("evt.latency.ns"),
    _field("proc.name"),
    _field("proc.pname"),
    _field("proc.cmdline"),
    _field("proc.aname", arg=ArgKind.INDEX),
    _field("fd.name"),
    _field("fd.num", FieldType.INT64),
    _field("fd.sip", FieldType.IPADDR),
    _field("container.id", suggested=True),
)
OKTA = (_field("okta.actor.name"), _field("okta.severity", FieldType.UINT64), _field("ka.verb"))


@pytest.fixture(scope="session")
def catalogs():
    """Return the fields of the sources ``syscall`` and ``okta``."""
    return {
        "syscall": Catalog("syscall", (*GENERIC_FIELDS, *SYSCALL)),
        "okta": Catalog("okta", (*GENERIC_FIELDS, *OKTA)),
    }


@pytest.fixture
def load(catalogs):
    """Return a function that loads texts as the files ``rules.yaml``, ``rules2.yaml`` and so on."""

    def load(*texts, **options):
        files = [RulesFile(f"rules{i or ''}.yaml", text) for i, text in zip((0, *range(2, 9)), texts, strict=False)]
        return load_rules(files, catalogs, LoadOptions(event_types={"syscall": EVENT_TYPES}, **options))

    return load


@pytest.fixture
def errors(load):
    """Return a function that loads texts and returns (code, message) of the errors of the last file."""

    def errors(*texts, **options):
        return [(problem.code.name, problem.message) for problem in load(*texts, **options).results[-1].errors]

    return errors


@pytest.fixture
def warnings(load):
    """Return a function that loads texts, all good, and returns (code, message) of the last file's warnings."""

    def warnings(*texts, **options):
        outcome = load(*texts, **options)
        assert outcome.ok, outcome.results[-1].errors
        return [(problem.code.name, problem.message) for problem in outcome.results[-1].warnings]

    return warnings


@pytest.fixture
def condition(load):
    """Return a function that loads texts, which must be accepted, and returns the compiled condition of rule ``r``."""
    from falcohost.lang.printer import to_text

    def condition(*texts):
        outcome = load(*texts)
        assert outcome.ok, [problem.message for result in outcome.results for problem in result.errors]
        return next(to_text(rule.tree) for rule in outcome.compiled.rules if rule.definition.name == "r")

    return condition


@pytest.fixture
def rule():
    """Return a function that writes the rule ``r`` with a condition and more lines."""

    def rule(condition="evt.type=open", *lines, name="r", output="out", priority="INFO"):
        required = (f"desc: d\n  condition: {condition}\n  output: {output}", f"priority: {priority}")
        return "\n  ".join((f"- rule: {name}", *required, *lines)) + "\n"

    return rule
