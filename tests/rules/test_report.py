"""Load results in Falco's words: the texts and the JSON that scripts read."""

import json

from falcohost.rules.places import Context, RulesFile
from falcohost.rules.report import as_json, snippet, summary_text, verbose_text

BAD = """# comment é
- macro: m
  condition: evt.type=open and ü.x=1
- list: "bad name"
  items: [a]
"""

VERBOSE = """rules.yaml: Invalid
1 Errors:
In rules content: (rules.yaml:0:0)
    macro 'm': (rules.yaml:1:2)
    macro condition: (rules.yaml:2:13)
    condition expression: ("evt.type=open and...":3:32)
------
evt.type=open and ü.x=1
                       ^
------
LOAD_ERR_COMPILE_CONDITION (Error compiling condition): expected a '(' token, a field check, or an identifier

1 Warnings:
In rules content: (rules.yaml:0:0)
    list 'bad name': (rules.yaml:3:2)
------
- list: "bad name"
  ^
------
LOAD_INVALID_LIST_NAME (Invalid list name): List has an invalid name. List names should match a regular expression: \
([^()"'[:space:]=,]+)
"""


def test_verbose_text(load):
    """The long form has a block for each error and each warning, with locations counted as Falco counts them."""
    assert VERBOSE == verbose_text(load(BAD).results[0])


def test_summary_text(load):
    """The short form has the codes alone."""
    expected = """rules.yaml: Invalid
 1 errors: [LOAD_ERR_COMPILE_CONDITION (Error compiling condition)]
 1 warnings: [LOAD_INVALID_LIST_NAME (Invalid list name)]"""
    assert expected == summary_text(load(BAD).results[0])


def test_verdicts(load, rule):
    """A file is ok, ok with warnings, or invalid."""
    outcome = load(rule(), "- macro: m\n  condition: evt.type=open\n", "- 5\n")

    expected = ["rules.yaml: Ok", "rules2.yaml: Ok, with warnings", "rules3.yaml: Invalid"]
    assert expected == [summary_text(result).split("\n")[0] for result in outcome.results]
    assert "rules.yaml: Ok" == verbose_text(outcome.results[0])


def test_schema_warnings(load, rule):
    """Schema warnings stand between the verdict and the errors."""
    result = load(rule(priority="info")).results[0]

    expected = """rules.yaml: Ok
3 Schema warnings:
------
failed for <root>[0][priority]: Failed to match against any enum values.
------
failed for <root>[0]: Failed to validate against schema associated with property name 'priority'.
------
failed for <root>: Failed to validate item #0 in array.
------
"""
    assert expected == verbose_text(result)


def test_json(load):
    """The JSON form says the same, with offsets in bytes."""
    found = json.loads(json.dumps(as_json(load(BAD).results[0])))

    assert ["errors", "name", "schema_valid", "schema_warnings", "successful", "warnings"] == sorted(found)
    assert ("rules.yaml", False, True, []) == (
        found["name"],
        found["successful"],
        found["schema_valid"],
        found["schema_warnings"],
    )
    (error,) = found["errors"]
    assert {
        "code": "LOAD_ERR_COMPILE_CONDITION",
        "codedesc": "Error compiling condition",
        "message": "expected a '(' token, a field check, or an identifier",
    } == {key: error[key] for key in ("code", "codedesc", "message")}
    assert [
        ("rules content", "", {"name": "rules.yaml", "line": 0, "column": 0, "offset": 0}),
        ("macro", "m", {"name": "rules.yaml", "line": 1, "column": 2, "offset": 15}),
        ("macro condition", "", {"name": "rules.yaml", "line": 2, "column": 13, "offset": 37}),
        ("condition expression", "", {"name": '"evt.type=open and..."', "line": 3, "column": 32, "offset": 55}),
    ] == [(at["item_type"], at["item_name"], at["position"]) for at in error["context"]["locations"]]
    assert error["context"]["snippet"].startswith("evt.type=open and ü.x=1\n")


def test_json_of_a_warning(load, rule):
    """A warning has the long meaning of its code; one of a deprecated field names the field."""
    (warning,) = as_json(load(rule("evt.type=open and evt.dir=<")).results[0])["warnings"]

    assert ("LOAD_DEPRECATED_ITEM", "evt.dir") == (warning["code"], warning["deprecated_field"])
    assert warning["codedesc"] != "Used deprecated item"


def test_text_of_a_deprecated_field(load, rule):
    """The text of such a warning names the field behind the short text of the code."""
    text = verbose_text(load(rule("evt.type=open and evt.dir=<")).results[0])

    assert "LOAD_DEPRECATED_ITEM (Used deprecated item: field 'evt.dir'): due to the drop of enter events" in text


def test_no_schema_verdict_without_yaml(load):
    """Invalid YAML is not checked against the schema."""
    assert {"name", "successful", "errors", "warnings"} == as_json(load("- a: [").results[0]).keys()


def test_long_lines_are_cut(load):
    """A snippet is at most 160 bytes wide around the place."""
    result = load("- list: " + "a" * 300 + "\n  items: [b, [c], " + "d" * 300 + "]\n").results[0]
    line, caret = snippet(result.errors[0].context).splitlines()

    assert ("  items: [b, [c], dd", "...") == (line[:20], line[-3:])
    assert line[len(caret) - 1 :].startswith("[c]")


def test_snippet_of_nothing():
    """An empty file has no text to show."""
    assert "<No context available>\n" == snippet(Context.of_file(RulesFile("rules.yaml", "")))


def test_places_in_conditions_count_bytes(load):
    """Within a condition too a letter of two bytes counts as two, also where a macro is not found."""
    macro = load('- macro: m\n  condition: proc.name="é" and n\n').results[0].errors[0]
    syntax = load('- macro: m\n  condition: proc.name="é" and (n\n').results[0].errors[0]

    # Falco counts the first from the macro, the second from its condition.
    assert (1, 22) == (macro.context.locations[-1].place.line, macro.context.locations[-1].place.column)
    assert (2, 35) == (syntax.context.locations[-1].place.line, syntax.context.locations[-1].place.column)


def test_snippet_of_a_line_that_just_fits():
    """A line that ends at the limit is not cut."""
    for more, cut in ((78, False), (79, False), (80, True)):
        text = "x" + "y" * more + "\n"
        shown = snippet(Context.of_file(RulesFile("f", text))).split("\n")[0]

        assert cut is shown.endswith("..."), more
