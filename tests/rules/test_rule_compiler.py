"""Compiling rules: the codes of what is wrong with conditions and outputs, and the warnings."""

import pytest

from falcohost.engine.remarks import DEPRECATED_FIELDS

CONDITION, OUTPUT = "LOAD_ERR_COMPILE_CONDITION", "LOAD_ERR_COMPILE_OUTPUT"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evt.type=open and", "expected blank or '(' after 'and'"),
        ("proc.nope=1", "filter_check called with nonexistent field proc.nope"),
        ("okta.severity=1", "filter_check called with nonexistent field okta.severity"),
        ("evt.type=opne", "unknown event type opne"),
        ("fd.num contains a", "filter error: 'contains' operator not supported for numeric filters"),
        ("fd.num=x", "x is not a valid number"),
    ],
)
def test_bad_conditions(errors, rule, text, message):
    """A condition that cannot be parsed or does not fit the fields of its source is refused."""
    assert [(CONDITION, message)] == errors(rule(text))


def test_a_rule_sees_the_fields_of_its_source(load, rule):
    """Rules of another source have that source's fields, and those of every event."""
    text = rule("okta.severity=1 and evt.num>0", "source: okta", output='"%okta.actor.name"')

    assert [("okta", None)] == [(found.source, found.event_types) for found in load(text).ruleset.rules]


def test_a_rule_knows_its_file_and_exceptions(load, rule):
    """A rule has the name of the file that defines it and those of its exceptions, also of one that is added later."""
    first = rule("evt.type=open", "exceptions: [{name: a, fields: [proc.name], values: [[x]]}]")
    more = (
        "- rule: r\n  exceptions: [{name: b, fields: [proc.name], values: [[y]]}]\n  override: {exceptions: append}\n"
    )

    assert [("rules.yaml", ("a", "b"))] == [(found.file, found.exceptions) for found in load(first, more).ruleset.rules]


@pytest.mark.parametrize("output", ['"%proc.nope"', '"100%"', '"%12"', '"%%"'])
def test_bad_outputs(errors, rule, output):
    """An output that names no field behind a percent sign is refused."""
    assert [OUTPUT] == [code for code, _ in errors(rule(output=output))]


def test_condition_and_output_are_both_reported(errors, rule):
    """One rule may have errors in both; Falco's, which is of the output, comes first."""
    assert [OUTPUT, CONDITION] == [code for code, _ in errors(rule("proc.nope=1", output='"%proc.nope"'))]


@pytest.mark.parametrize(
    ("text", "output"), [("proc.nope=1", "out"), ("evt.type=opne", "out"), ("evt.type=open", '"%proc.nope"')]
)
def test_skip_if_unknown(load, rule, text, output):
    """A rule that allows it is left out, with a warning, if it names something unknown."""
    outcome = load(rule(text, "skip-if-unknown-filter: true", output=output))

    assert (True, ()) == (outcome.ok, outcome.ruleset.rules)
    assert ["LOAD_UNKNOWN_FILTER"] == [problem.code.name for problem in outcome.results[0].warnings]


def test_skip_if_unknown_does_not_forgive_unknown_macros(errors, rule):
    """An unknown macro is an error all the same."""
    text = rule("nope", "skip-if-unknown-filter: true")

    assert [("LOAD_ERR_VALIDATE", "Undefined macro 'nope' used in filter.")] == errors(text)


def test_unknown_source(load, rule):
    """A rule of a source that nothing provides is left out, uncompiled; a hint says what would bring the source."""
    hints = {"github": "pip install 'falcohost[github]'"}
    outcome = load(rule("no.such.field=1", "source: github"), install_hints=hints)
    (problem,) = outcome.results[0].warnings

    assert (True, ()) == (outcome.ok, outcome.ruleset.rules)
    assert ("LOAD_UNKNOWN_SOURCE", "Unknown source github, skipping") == (problem.code.name, problem.message)
    assert "pip install 'falcohost[github]'" == problem.hint


def test_misspelled_source(load, rule):
    """The near name of a source is suggested."""
    (problem,) = load(rule("evt.type=open", "source: syscal")).results[0].warnings

    assert "did you mean 'syscall'?" == problem.hint


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("evt.type=open", False),
        ("evt.type in (open, dup) and proc.name=x", False),
        ("proc.name=x", True),
        ("evt.type!=open", True),
        ("not evt.type=open", True),
        ("evt.type=open or proc.name=x", True),
        ("evt.type=open and not proc.name=x", False),
        ("evt.type=open and evt.type=dup", True),
        ("evt.type=open and evt.num=0", False),
        ("evt.num=0", True),
    ],
)
def test_too_many_event_types(warnings, rule, text, warned):
    """A rule for system calls that can match any event, or none, gets a warning."""
    message = "Rule matches too many evt.type values. This has a significant performance penalty."
    assert ([("LOAD_NO_EVTTYPE", message)] if warned else []) == warnings(rule(text))


def test_no_warning_of_event_types_where_none_is_wanted(warnings, rule):
    """A rule can say that it knows, and rules of other sources have one type of event anyway."""
    text = rule("proc.name=x", "warn_evttypes: false") + rule("okta.severity=1", "source: okta", name="o")

    assert [] == warnings(text)


@pytest.mark.parametrize("operator", ["=", "!=", "in"])
def test_unsafe_na(warnings, rule, operator):
    """Comparing a field of the audit log with <NA> gets a warning, without words of its own."""
    text = rule(f"ka.verb {operator} (<NA>)" if operator == "in" else f"ka.verb {operator} <NA>", "source: okta")

    assert [("LOAD_UNSAFE_NA_CHECK", "")] == warnings(text)


def test_deprecated_field_in_a_condition(load, rule):
    """A deprecated field gets a warning that names it, once."""
    (problem,) = load(rule("evt.type=open and evt.dir=< and evt.dir exists")).results[0].warnings

    assert ("LOAD_DEPRECATED_ITEM", DEPRECATED_FIELDS["evt.dir"], "evt.dir") == (
        problem.code.name,
        problem.message,
        problem.field,
    )


def test_deprecated_fields_in_an_output(load, rule):
    """Deprecated fields are searched for in the text of the output, so that a longer name warns of a shorter one."""
    result = load(rule(output='"%evt.latency.ns"')).results[0]

    message = "usage of deprecated field 'evt.latency.ns' has been detected in the rule output"
    assert ["evt.latency", "evt.latency.ns"] == [problem.field for problem in result.warnings]
    assert message == result.warnings[1].message


def test_container_info(load, rule):
    """``%container.info`` is taken out of outputs, with a warning."""
    outcome = load(rule(output='"a %container.info b"'))

    assert "a  b" == outcome.ruleset.rules[0].output.text
    assert ["LOAD_DEPRECATED_ITEM"] == [problem.code.name for problem in outcome.results[0].warnings]


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("evt.type=open and evt.dir=>", True),
        ("evt.type=open and not evt.dir=<", True),
        ("evt.type=open and evt.dir!=<", True),
        ("evt.type=open and evt.dir=<", False),
        ("evt.type=open and (evt.dir=> or fd.num=1)", False),
    ],
)
def test_conditions_that_need_enter_events(warnings, rule, text, warned):
    """A condition that needs the direction of enter events can never match, and gets a warning that says so."""
    message = "the condition needs 'evt.dir = >', which is never true: events are sent when calls return"

    assert warned is (("LOAD_COMPILE_CONDITION", message) in warnings(rule(text)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("proc.name=proc.pname", "'proc.pname' may be a valid field misused as a const string value"),
        (
            'proc.name="tolower(proc.pname)"',
            "'tolower(proc.pname)' may be a valid field transformer misused as a const string value",
        ),
        (
            "proc.name regex abc",
            "regex check with 'abc' may be optimized with simpler operators such as '=', 'contains', 'startswith', "
            "'endswith'",
        ),
    ],
)
def test_remarks(warnings, rule, text, message):
    """A probable mistake gets a warning."""
    assert [("LOAD_COMPILE_CONDITION", message)] == warnings(rule(f"'evt.type=open and {text}'"))


def test_compiling_again_tells_the_same(load, rule):
    """The warnings of one file are repeated with the next file, although nothing is compiled twice."""
    outcome = load(rule("evt.type=open and evt.dir=<"), "- list: l\n  items: []\n")

    assert outcome.results[0].warnings == outcome.results[1].warnings[:1]


def test_a_later_file_changes_what_is_compiled(condition, rule):
    """A list or macro that a later file changes is compiled into the rules of earlier files."""
    first = "- list: l\n  items: [x]\n- macro: m\n  condition: fd.num=1\n" + rule("m and proc.name in (l)")
    second = "- list: l\n  items: [y]\n- macro: m\n  condition: fd.num=2\n"

    assert "(fd.num = 2 and proc.name in (y))" == condition(first, second)
