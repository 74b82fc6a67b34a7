"""Tests the translation of our YAML parser's errors into the messages of Falco's YAML library."""

import pytest

from falcohost.rules.documents import YamlSyntaxError, read_documents


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("this : is : not : yaml", "error at line 1, column 11: illegal map value"),
        ("- rule: x\n desc: y\n", "error at line 2, column 2: end of sequence not found"),
        ("- tags: [a, b\n  desc: y\n", "error at line 2, column 7: end of sequence flow not found"),
        ("- {a: b\n", "error at line 2, column 1: end of map flow not found"),
        ("{\n", "error at line 2, column 1: end of map flow not found"),
        ("a: b\n- c\n", "error at line 2, column 1: end of map not found"),
        ("- a: b\n\tc: d\n", "error at line 2, column 1: illegal tab when looking for indentation"),
        ("- output: %x\n", "error at line 1, column 11: unknown token"),
        ("- tags: [a, b]]\n", "error at line 1, column 15: illegal flow end"),
        ("- a: ]\n", "error at line 1, column 6: illegal flow end"),
        ("- ,\n", "error at line 1, column 3: end of sequence not found"),
        ("- desc: - b\n", "error at line 1, column 9: illegal block entry"),
        ("- desc: ? b\n", "error at line 1, column 9: illegal map key"),
        ("- condition: 'x' y\n", "error at line 1, column 18: unexpected scalar"),
        ("- *other\n", "error at line 1, column 3: the referenced anchor is not defined: other"),
        ("- desc: * b\n", "error at line 1, column 10: alias not found after *"),
        ("- desc: & b\n", "error at line 1, column 10: anchor not found after &"),
        ("- desc: | x\n    a\n", "error at line 1, column 11: unexpected character in block scalar"),
        ("- !<x\n", "error at line 1, column 6: end of verbatim tag not found"),
        ('- "a\n--- b"\n', "error at line 2, column 1: illegal document indicator in scalar"),
        ("%YAML 9.9\n---\n- a\n", "error at line 1, column 1: YAML major version too large"),
    ],
)
def test_words_and_place(text, said):
    """The message is the one that Falco gives for the same text, place included."""
    with pytest.raises(YamlSyntaxError) as caught:
        read_documents(text)

    assert f"yaml-cpp: {said}" == str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('- "a\\q"\n', "unknown escape character: q"),
        ('- "\\x4"\n', "bad character found while scanning hex number"),
        ("- >0\n  a\n", "cannot set zero indentation for a block scalar"),
        ('- "abc\n', "illegal EOF in scalar"),
    ],
)
def test_words_alone(text, said):
    """Here the two libraries agree on what is wrong, and not on the column."""
    with pytest.raises(YamlSyntaxError) as caught:
        read_documents(text)

    assert said == str(caught.value).partition(": error at ")[2].partition(": ")[2]


def test_people_are_told_in_our_words(load):
    """For people the parser's own words are kept, which say more."""
    (problem,) = load("- desc: ? b\n").results[0].errors

    assert "mapping keys are not allowed in this context" == problem.said
