"""Fixtures for tests of the checks of rules: rules written in the test, and what is found in them."""

import pytest

from falcohost.engine.catalog import Catalog
from falcohost.fields import ArgKind, Field, FieldType
from falcohost.hookspecs import EventParam, SourceSpec
from falcohost.rules.lint.lint import lint
from falcohost.rules.lint.subject import Subject

PARAMETERS = {
    "open": (EventParam("flags", "FLAGS32"), EventParam("name", "FSPATH")),
    "close": (EventParam("fd", "FD"),),
}


@pytest.fixture(scope="session")
def catalogs(catalogs):
    """Return the fields of the tests of rules, and one that has parameters."""
    parameters = Field(
        name="evt.arg",
        type=FieldType.CHARBUF,
        description="A parameter.",
        get=lambda event, arg: None,
        arg=ArgKind.ANY,
        arg_required=True,
        dotted=True,
    )
    syscall = Catalog("syscall", (*catalogs["syscall"].fields, parameters))
    return {**catalogs, "syscall": syscall}


def unfiltered(plan):
    """Say, for the tests, that what reads proc.cmdline cannot be decided."""
    for name in sorted(plan.event_types or ()):
        if "proc.cmdline" in str(plan.condition):
            yield name, "proc.cmdline is not known there"


@pytest.fixture
def found(load, catalogs):
    """Return a function that loads texts and returns what is found, only by *check* if there is one."""

    def found(*texts, check="", first=True):
        outcome = load(*texts)
        outcome.check()
        specs = {
            source: SourceSpec(
                name=source,
                description="A source.",
                make=lambda settings: None,
                event_params=lambda: PARAMETERS,
                unfiltered=unfiltered,
            )
            for source in catalogs
        }
        findings = lint(Subject(outcome, catalogs, specs, first=first))
        return [one for one in findings if check in ("", one.check)]

    return found


@pytest.fixture
def told(found, rule):
    """Return a function that returns what *check* says of a rule with a condition, behind other items."""

    def told(check, condition, *before):
        text = "".join(before) + rule(condition)
        return [one.what for one in found(text, check=check)]

    return told


@pytest.fixture
def macro():
    """Return a function that writes a macro."""
    return lambda name, condition: f"- macro: {name}\n  condition: {condition}\n"
