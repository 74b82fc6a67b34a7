"""Load results for people: the true place in the file, the way to it, and the hint."""

import pytest

from falcohost.errors import RulesError
from falcohost.rules.people import for_people, problem_for_people


def _only_error(outcome):
    (problem,) = outcome.results[-1].errors
    return problem_for_people(problem)


def test_the_form(load):
    """An error has its place, the line, a caret, the way, a hint, and Falco's words where they are other ones."""
    text = "- rule: Okta root login\n  desc: d\n  condition: okta.actr.name = root\n"
    text += "  output: o\n  priority: INFO\n  source: okta\n"

    expected = """rules.yaml:3:14: unknown field okta.actr.name [LOAD_ERR_COMPILE_CONDITION]
      condition: okta.actr.name = root
                 ^
  in rule 'Okta root login'
  hint: did you mean okta.actor.name?
  Falco says: filter_check called with nonexistent field okta.actr.name"""
    assert expected == _only_error(load(text))


@pytest.mark.parametrize(
    ("scalar", "place"),
    [
        ("evt.type=open and proc.nope=1", "3:32"),
        ("'evt.type=open and proc.nope=1'", "3:33"),
        ("'proc.name=''x'' and proc.nope=1'", "3:35"),
        ('"evt.type=open and\\tproc.nope=1"', "3:34"),
        ('"proc.name=\\"\\x41\\" and\\n\\\n    proc.nope=1"', "4:5"),
        ("evt.type=open\n    and\n    proc.nope=1", "5:5"),
        (">\n    evt.type=open\n    and proc.nope=1", "5:9"),
        (">-\n    evt.type=open\n      and proc.nope=1\n", "5:11"),
        ("|\n    evt.type=open and\n\n    proc.nope=1", "6:5"),
        ("&anchor |\n    proc.nope=1", "4:5"),
        ("!!str proc.nope=1", "3:20"),
        (">\n    evt.type=open # in fact\n    # all of them\n    and proc.nope=1", "6:9"),
    ],
)
def test_places_in_scalars(load, scalar, place):
    """However YAML folds, quotes and escapes a condition, the place is the one in the file."""
    text = f"- rule: r\n  desc: d\n  condition: {scalar}\n  output: o\n  priority: INFO\n"

    assert f"rules.yaml:{place}: unknown field proc.nope" == _only_error(load(text)).split(" [")[0]


def test_syntax_error_in_a_folded_condition(load, rule):
    """The caret of a syntax error is where the parser stopped."""
    text = rule(">\n    evt.type=open\n    and fd.num=)")

    expected = ["rules.yaml:5:16: expected a string value or a field with a valid transformer", " " * 19 + "^"]
    lines = _only_error(load(text)).splitlines()
    assert expected == [lines[0].partition(": 'val'")[0], lines[2]]


def test_the_way_through_macros(load, rule):
    """An error in a macro is shown there, with the macros and the rule that lead to it."""
    text = "- macro: inner\n  condition: proc.nope=1\n- macro: outer\n  condition: evt.type=open or inner\n"

    expected = """rules.yaml:2:14: unknown field proc.nope [LOAD_ERR_COMPILE_CONDITION]
      condition: proc.nope=1
                 ^
  in macro 'inner' (rules.yaml:1:3)
  in macro 'outer' (rules.yaml:3:3)
  in rule 'r'"""
    assert (
        expected == _only_error(load(text + rule("fd.num=1 and outer"))).partition("\n  hint")[0].partition("\n  F")[0]
    )


def test_the_way_through_a_list(load, rule):
    """An error in a list is shown where the condition names the list."""
    text = "- list: types\n  items: [open, opne]\n" + rule("evt.type in (dup, types)")

    lines = _only_error(load(text)).splitlines()
    assert "rules.yaml:5:32: unknown event type opne [LOAD_ERR_COMPILE_CONDITION]" == lines[0]
    assert "  in list 'types' (rules.yaml:1:3)" == lines[3]
    assert "  hint: did you mean 'open'?" in lines


def test_the_way_through_files(load, rule):
    """An error in what a later file appended is shown in that file."""
    text = "- rule: r\n  condition: and proc.nope=1\n  override: {condition: append}\n"

    assert _only_error(load(rule(), text)).startswith("rules2.yaml:2:18: unknown field proc.nope")


def test_error_in_an_exception(load, rule):
    """An error in the value of an exception is shown at the value."""
    text = rule("evt.type=open", "exceptions:\n    - name: e\n      fields: [fd.num]\n      values: [[1], [x]]")

    assert _only_error(load(text)).startswith("rules.yaml:9:22: x is not a valid number")


@pytest.mark.parametrize(
    ("lines", "place", "hint"),
    [
        ("fields: [fd.num, proc.nmae]\n      values: [[1, x]]", "8:24", "did you mean proc.name?"),
        ("fields: [fd.num]\n      comps: [inn]\n      values: [[1]]", "9:15", "did you mean 'in'?"),
        (
            "fields: [fd.num]\n      values: [[1], [1, 2]]",
            "9:22",
            "each entry of values needs 1 values, one for each field",
        ),
        ("fields: fd.num\n      comps: =\n      values: [1]", "9:14", None),
    ],
)
def test_error_in_the_shape_of_an_exception(load, rule, lines, place, hint):
    """An error in an exception is shown at the wrong field, operator or value, with a similar name."""
    shown = _only_error(load(rule("evt.type=open", f"exceptions:\n    - name: e\n      {lines}")))

    assert shown.startswith(f"rules.yaml:{place}: ")
    assert hint is None or f"\n  hint: {hint}" in shown


def test_error_in_an_output(load, rule):
    """An unknown field in an output is shown there."""
    lines = _only_error(load(rule(output='"who is %proc.nmae"'))).splitlines()

    assert "rules.yaml:4:20: unknown field proc.nmae [LOAD_ERR_COMPILE_OUTPUT]" == lines[0]
    assert "  hint: did you mean %proc.name?" in lines


def test_error_of_structure(load):
    """An error that is no condition's is shown where the item or the value is."""
    expected = """rules.yaml:2:10: Value is not a sequence [LOAD_ERR_YAML_VALIDATE]
      items: x
             ^
  in list 'a'
  hint: write items: [a, b]"""
    assert expected == _only_error(load("- list: a\n  items: x\n"))


def test_error_of_yaml(load):
    """Invalid YAML is shown at the place of the mistake."""
    assert _only_error(load("- list: a\n   items: []\n")).startswith("rules.yaml:2:9: mapping values are not allowed")


def test_long_lines_are_cut(load, rule):
    """Of a long line what is around the caret is shown."""
    lines = _only_error(load(rule("evt.type=open and " * 30 + "proc.nope=1"))).splitlines()

    assert lines[1][len(lines[2]) - 1 :].startswith("proc.nope=1")
    assert len(lines[1]) < 160


def test_all_errors_of_a_file(load, rule):
    """A refused file has a head line and its errors."""
    text = for_people(load("- list: a\n" + rule("nope")).results[0])

    assert "rules.yaml: Invalid, 2 errors" == text.splitlines()[0]
    assert 2 == text.count("[LOAD_ERR_")


def test_check_raises_what_people_read(load, rule):
    """The outcome of a run that cannot go on is the text for people, of the refused files alone."""
    with pytest.raises(RulesError) as caught:
        load(rule(), "- list: a\n").check()

    assert str(caught.value).startswith("rules2.yaml: Invalid, 1 error\nrules2.yaml:1:3: Item has no mapping")


def test_warnings_have_places_too(load, rule):
    """A warning of a constant is shown at the constant."""
    (problem,) = load(rule("evt.type=open and proc.name=proc.pname")).results[0].warnings

    expected = (
        "rules.yaml:3:42: 'proc.pname' may be a valid field misused as a const string value [LOAD_COMPILE_CONDITION]"
    )
    assert expected == problem_for_people(problem).splitlines()[0]


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("proc_name = x", "'proc_name' ends a condition here"),
        ('proc.name = "\\d"', "inside quotes, write a backslash twice"),
        ("proc.name = (a b)", "put values with blanks, brackets, commas or quotes in double quotes"),
        ("opened", "did you mean 'opend'?"),
        ("fd.num >= 0 and early", "a macro sees only macros that were defined before it"),
    ],
)
def test_hints(load, condition, hint):
    """A common error comes with a hint how to fix it."""
    text = f"- macro: opend\n  condition: evt.type=open\n- macro: m\n  condition: {condition}\n"
    text += "- macro: early\n  condition: evt.type=open\n"

    assert hint in _only_error(load(text))
