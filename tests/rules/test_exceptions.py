"""Exceptions: their shapes, their place in the condition, and appending to them."""

import pytest

VALIDATE, YAML_VALIDATE = "LOAD_ERR_VALIDATE", "LOAD_ERR_YAML_VALIDATE"
BASE = "(evt.type = open and not "


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        ("fields: proc.name, values: [a]", "proc.name in (a)"),
        ("fields: proc.name, values: [a, b c]", 'proc.name in (a, "b c")'),
        ("fields: fd.name, comps: pmatch, values: [/a, /b]", "fd.name pmatch (/a, /b)"),
        ("fields: fd.name, comps: intersects, values: [/a]", "fd.name intersects (/a)"),
        ("fields: fd.name, comps: startswith oneof, values: [/a, /b]", "fd.name startswith oneof (/a, /b)"),
        ("fields: fd.name, comps: ' in ', values: [/a]", "fd.name in (/a)"),
        ("fields: [proc.name], values: [[a]]", "proc.name = a"),
        ("fields: [proc.name, fd.name], values: [[a, b c]]", '(proc.name = a and fd.name = "b c")'),
        (
            "fields: [proc.name, fd.name], comps: [in, startswith], values: [[[a, b c], /etc], [(l), '/x y']]",
            '((proc.name in (a, "b c") and fd.name startswith /etc)'
            ' or (proc.name in (bash, "my sh") and fd.name startswith "/x y"))',
        ),
        ("fields: [proc.name], comps: [in], values: [[a]]", "proc.name in (a)"),
        ("fields: [proc.name], comps: [in], values: [[l]]", 'proc.name in (bash, "my sh")'),
        ("fields: [fd.name], comps: [startswith anyof], values: [[/a]]", "fd.name startswith anyof (/a)"),
        ("fields: proc.name, values: [l]", 'proc.name in (bash, "my sh")'),
        ("fields: tolower(proc.name), values: [a]", "tolower(proc.name) in (a)"),
        ("fields: ['proc.aname[2]'], values: [[a]]", "proc.aname[2] = a"),
    ],
)
def test_shapes(condition, rule, exception, expected):
    """Each shape of exception becomes its part of the condition."""
    text = "- list: l\n  items: [bash, my sh]\n" + rule("evt.type=open", f"exceptions: [{{name: e, {exception}}}]")

    assert f"{BASE}{expected})" == condition(text)


def test_exceptions_bind_to_the_whole_condition(condition, rule):
    """The condition is put in brackets before exceptions are added."""
    text = rule("evt.type=open or evt.type=dup", "exceptions: [{name: e, fields: proc.name, values: [a]}]")

    assert "((evt.type = open or evt.type = dup) and not proc.name in (a))" == condition(text)


@pytest.mark.parametrize("exceptions", ["", "[]", "[{name: e, fields: proc.name}]", "[{name: e, fields: [proc.name]}]"])
def test_exceptions_without_values(condition, rule, exceptions):
    """Exceptions without values add nothing."""
    assert "evt.type = open" == condition(rule("evt.type=open", f"exceptions: {exceptions}"))


@pytest.mark.parametrize(
    ("exception", "code", "message"),
    [
        ("fields: proc.name", YAML_VALIDATE, "Item has no mapping for key 'name'"),
        ("name: e", YAML_VALIDATE, "Item has no mapping for key 'fields'"),
        ("name: e, fields: proc.name, values: x", YAML_VALIDATE, "Rule exception values must be a sequence"),
        ("name: e, fields: proc.name, values: ['']", YAML_VALIDATE, "Value must be non-empty"),
        (
            "name: e, fields: [], values: []",
            VALIDATE,
            "Rule exception item must have fields property with a list of fields",
        ),
        ("name: e, fields: [proc.name], comps: in", VALIDATE, "Fields and comps lists must have equal length"),
        ("name: e, fields: [proc.name], comps: [=, =]", VALIDATE, "Fields and comps lists must have equal length"),
        ("name: e, fields: proc.name, comps: [in]", VALIDATE, "Fields and comps must both be strings"),
        ("name: e, fields: [proc.name], comps: [like]", VALIDATE, "'like' is not a supported comparison operator"),
        (
            "name: e, fields: proc.name, comps: startswith",
            VALIDATE,
            "When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier operator "
            "(e.g. startswith oneof)",
        ),
        ("name: e, fields: proc.nope", VALIDATE, "'proc.nope' is not a supported filter field"),
        ("name: e, fields: [fd.name, proc.nope]", VALIDATE, "'proc.nope' is not a supported filter field"),
        ("name: e, fields: 'proc.name '", VALIDATE, "'proc.name ' is not a supported filter field"),
        ("name: e, fields: nope(proc.name)", VALIDATE, "'nope(proc.name)' is not a supported filter field"),
        (
            "name: e, fields: [proc.name, fd.name], values: [[a]]",
            VALIDATE,
            "Fields and values lists must have equal length",
        ),
        ("name: e, fields: [proc.name], values: [a]", VALIDATE, "Fields and values lists must have equal length"),
        (
            "name: e, fields: proc.name, values: [[a]]",
            VALIDATE,
            "Expected values array to contain a list of strings",
        ),
    ],
)
def test_shapes_that_cannot_be(errors, rule, exception, code, message):
    """Each wrong shape has its message."""
    assert [(code, message)] == errors(rule("evt.type=open", f"exceptions: [{{{exception}}}]"))


@pytest.mark.parametrize(
    ("exceptions", "message"),
    [("x", "Rule exceptions must be a sequence"), ("[x]", "Rule exception must be a mapping")],
)
def test_no_exceptions_at_all(errors, rule, exceptions, message):
    """Exceptions are a list of maps."""
    assert [(YAML_VALIDATE, message)] == errors(rule("evt.type=open", f"exceptions: {exceptions}"))


def test_fields_of_an_unknown_source_are_not_checked(warnings, rule):
    """A rule that is left out anyway may name any field."""
    text = rule("evt.type=open", "source: nope", "exceptions: [{name: e, fields: x.y, values: [a]}]")

    assert [("LOAD_UNKNOWN_SOURCE", "Unknown source nope, skipping")] == warnings(text)


def test_same_name_twice(condition, load, rule):
    """Two exceptions of one name both count; a warning says so."""
    both = "[{name: e, fields: proc.name, values: [a]}, {name: e, fields: fd.name, values: [b]}]"
    text = rule("evt.type=open", f"exceptions: {both}")

    assert f"{BASE}proc.name in (a) and not fd.name in (b))" == condition(text)
    message = "Multiple definitions of exception 'e' in the same rule"
    assert [("LOAD_EXCEPTION_NAME_NOT_UNIQUE", message)] == [
        (problem.code.name, problem.message) for problem in load(text).results[0].warnings
    ]


@pytest.mark.parametrize("how", ["append: true", "override: {exceptions: append}"])
def test_appending_values_and_exceptions(condition, rule, how):
    """By name, values are added to an exception that there is, and new exceptions are added."""
    text = rule("evt.type=open", "exceptions: [{name: e, fields: proc.name, values: [a]}]")
    more = "[{name: e, values: [b]}, {name: f, fields: fd.name, values: [c]}]"

    expected = f"{BASE}proc.name in (a, b) and not fd.name in (c))"
    assert expected == condition(text + f"- rule: r\n  exceptions: {more}\n  {how}\n")


@pytest.mark.parametrize(
    ("exception", "message"),
    [
        (
            "name: e, fields: proc.name, values: [a]",
            "Can not append exception fields to existing exception, only values",
        ),
        ("name: e, comps: in, values: [a]", "Can not append exception comps to existing exception, only values"),
        ("name: f, values: [a]", "Rule exception must have fields property with a list of fields"),
        ("name: f, fields: proc.name, values: []", "Rule exception must have values property with a list of values"),
    ],
)
def test_appends_that_cannot_be(errors, rule, exception, message):
    """Appending cannot change the fields of an exception, and a new exception has to be complete."""
    text = rule("evt.type=open", "exceptions: [{name: e, fields: proc.name}]")

    assert [(VALIDATE, message)] == errors(text + f"- rule: r\n  exceptions: [{{{exception}}}]\n  append: true\n")


def test_appending_nothing(load, rule):
    """An appended exception without values gets a warning."""
    text = rule("evt.type=open", "exceptions: [{name: e, fields: proc.name}]")
    result = load(text + "- rule: r\n  exceptions: [{name: e}]\n  override: {exceptions: append}\n").results[0]

    expected = [("LOAD_APPEND_NO_VALUES", "Overriding/appending exception with no values")]
    assert expected == [(problem.code.name, problem.message) for problem in result.warnings]


def test_replaced_exceptions_are_not_checked(errors, rule):
    """As in Falco, replaced exceptions are taken as they are, so that comps that are left out are missing."""
    text = rule("evt.type=open", "exceptions: [{name: e, fields: proc.name}]")
    text += "- rule: r\n  exceptions: [{name: e, fields: proc.name, values: [s]}]\n  override: {exceptions: replace}\n"
    ((code, message),) = errors(text)

    assert ("LOAD_ERR_COMPILE_CONDITION", True) == (code, message.startswith("expected a valid check operator"))


def test_values_nested_without_end(errors, rule):
    """Values that hold themselves are refused."""
    text = rule("evt.type=open", "exceptions: [{name: e, fields: proc.name, values: &v [*v]}]")

    assert [(YAML_VALIDATE, "Value is nested more than 20 levels deep")] == errors(text)


def test_values_can_break_the_condition(errors, rule):
    """Nothing in values is escaped, as in Falco."""
    text = rule("evt.type=open", "exceptions: [{name: e, fields: proc.name, values: ['a)']}]")

    assert ["LOAD_ERR_COMPILE_CONDITION"] == [code for code, _ in errors(text)]
