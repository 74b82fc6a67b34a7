"""Macros: their place in the tree, what they see of each other, and circles."""

import pytest

VALIDATE = "LOAD_ERR_VALIDATE"


def test_macros_keep_their_precedence(condition, rule):
    """A macro is put into the tree, not into the text."""
    text = "- macro: m\n  condition: evt.type=open or evt.type=dup\n"

    assert "(fd.num = 1 and (evt.type = open or evt.type = dup))" == condition(text + rule("fd.num=1 and m"))


def test_rules_see_every_macro(condition, rule):
    """A rule may use a macro that is defined behind it in the file."""
    assert "not evt.type = open" == condition(rule("not m") + "- macro: m\n  condition: evt.type=open\n")


def test_a_file_must_be_whole_by_itself(load, rule):
    """A macro that only the next file defines is missing in this one."""
    outcome = load(rule("m"), "- macro: m\n  condition: evt.type=open\n")

    assert [False, True] == [result.ok for result in outcome.results]


def test_macros_see_earlier_macros_alone(errors, rule):
    """A macro cannot use one that is defined behind it."""
    text = "- macro: a\n  condition: b\n- macro: b\n  condition: evt.type=open\n" + rule("a")

    assert [(VALIDATE, "Undefined macro 'b' used in filter.")] == errors(text)


def test_touching_a_macro_lets_it_see_more(condition, rule):
    """A macro that is appended to sees the macros that were defined before that."""
    text = "- macro: a\n  condition: b\n- macro: b\n  condition: evt.type=open\n"
    # The first file would be refused; in one file only the end counts.
    text += "- macro: a\n  condition: and fd.num=1\n  override: {condition: append}\n"

    assert "(evt.type = open and fd.num = 1)" == condition(text + rule("a"))


def test_redefinition_reaches_earlier_users(condition, rule):
    """The final definition of a macro counts everywhere."""
    text = "- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: a\n- macro: a\n  condition: evt.type=dup\n"

    assert "evt.type = dup" == condition(text + rule("b"))


def test_undefined_macro(load, rule):
    """A name that is no macro is an error, with the near name."""
    (problem,) = load("- macro: opened\n  condition: evt.type=open\n" + rule("opend")).results[0].errors

    assert ("Undefined macro 'opend' used in filter.", "did you mean 'opened'?") == (problem.message, problem.hint)


def test_macro_that_names_itself(errors, rule):
    """A macro does not see itself."""
    text = "- macro: a\n  condition: a or evt.type=open\n" + rule("a")

    assert [(VALIDATE, "Undefined macro 'a' used in filter.")] == errors(text)


def test_circle(errors, rule):
    """Once an append lets macros see each other, a circle is found."""
    text = "- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: a\n"
    text += "- macro: a\n  condition: or b\n  append: true\n"

    assert [(VALIDATE, "reference loop in macro 'b'")] == errors(text + rule("a"))[:1]


def test_refused_macro_is_blamed_once(errors, rule):
    """Rules and macros that use a macro with an error are not reported as well."""
    text = "- macro: a\n  condition: fd.num==\n- macro: b\n  condition: a\n" + rule("b")

    assert 1 == len(errors(text))


def test_macro_without_condition_is_blamed_once(errors, rule):
    """A macro that could not even be read is not missed by those who use it."""
    text = "- macro: a\n- macro: b\n  condition: a\n" + rule("b")

    assert [("LOAD_ERR_YAML_VALIDATE", "Item has no mapping for key 'condition'")] == errors(text)


def test_unused_macro(warnings, rule):
    """A macro that nothing uses gets a warning; one that only a macro uses does not."""
    text = "- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: a\n- macro: c\n  condition: fd.num=1\n"

    expected = [("LOAD_UNUSED_MACRO", "Macro not referred to by any other rule/macro")]
    assert expected == warnings(text + rule("b"))


def test_unused_macro_is_told_again_for_each_file(load, rule):
    """As all is compiled again after each file, so are its warnings."""
    outcome = load("- macro: a\n  condition: evt.type=open\n", rule(), rule("a"))

    assert [1, 1, 0] == [len(result.warnings) for result in outcome.results]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{0} or {0}", "condition has more than 100000 checks once its macros are expanded"),
        ("not ({0} and fd.num=1)", "exceeded max depth limit of 100"),
    ],
)
def test_macros_that_blow_each_other_up(errors, rule, body, message):
    """Macros that would make a condition of a million checks, or a bottomless one, are refused at once."""
    text = "- macro: m0\n  condition: evt.type=open\n"
    text += "".join(f"- macro: m{i}\n  condition: {body.format(f'm{i - 1}')}\n" for i in range(1, 80))

    assert [("LOAD_ERR_COMPILE_CONDITION", message)] == errors(text + rule("m79"))
