"""YAML as Falco's library reads it: documents, nulls, truth values, numbers."""

import pytest
import yaml

from falcohost.rules import documents
from falcohost.rules.documents import YamlSyntaxError, is_null, place_of, read_documents, to_bool, to_unsigned


def test_empty_documents_are_left_out():
    """Documents without anything in them do not count, wherever they stand."""
    documents = read_documents("---\n# nothing\n---\n- a\n---\n---\n- b\n")

    assert [["a"], ["b"]] == [[item.value for item in document.value] for document in documents]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", True), ("~", True), ("null", True), ("NULL", True), ('"~"', False), ("nil", False), ("[]", False)],
)
def test_null(text, expected):
    """Nothing, ``~`` and ``null`` are null unless in quotes."""
    (document,) = read_documents(f"- {text}\n")

    assert expected is is_null(document.value[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("true", "True", "TRUE", "yes", "Y", "on")),
        *((text, False) for text in ("false", "No", "OFF", "n")),
        *((text, None) for text in ("tRue", "1", "", "maybe")),
    ],
)
def test_truth_values(text, expected):
    """Truth values may be written in several ways, in lower case, in capitals, or with a first capital."""
    assert expected is to_bool(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("0", 0), ("15", 15), ("+5", 5), ("0x10", 16), ("010", 8), (" 7 ", 7), ("4294967295", 2**32 - 1)),
        *((text, None) for text in ("-1", "1.5", "08", "", "x", "4294967296", "9" * 40)),
    ],
)
def test_numbers(text, expected):
    """Numbers have 32 bits and may be hexadecimal or octal."""
    assert expected == to_unsigned(text)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("- rule: a\n   desc: b\n", 1, 7),
        ("- list: [a\n", 1, 0),
        ("- items: *nowhere\n", 0, 9),
        ("- a\0b\n", 0, 3),
        ("[" * 5000, 0, 1000),
    ],
)
def test_no_yaml(text, line, column):
    """Invalid YAML is refused with the place of the mistake."""
    with pytest.raises(YamlSyntaxError) as caught:
        read_documents(text)

    assert (line, column) == (caught.value.place.line, caught.value.place.column)
    assert f"error at line {line + 1}, column {column + 1}: " in str(caught.value)


def test_too_deep_for_the_parser_in_python(monkeypatch):
    """Without libyaml too, deep nesting is an error like any other."""
    monkeypatch.setattr(documents, "_Loader", yaml.BaseLoader)

    with pytest.raises(YamlSyntaxError, match="exceeded maximum nesting depth"):
        read_documents("[" * 5000)


def test_an_anchor_defined_again():
    """An alias is what its anchor was defined as last, as YAML has it."""
    (document,) = read_documents("- &a x\n- *a\n- &a y\n- *a\n")

    assert ["x", "x", "y", "y"] == [node.value for node in document.value]


@pytest.mark.parametrize("odd", ["\x07", "\x0b", "\x1b", "\x7f", "\x85", "\u2028"])
def test_odd_characters_are_characters(odd):
    """Control characters and the line breaks of other alphabets are text like any other, in comments and in values."""
    first, second = read_documents(f"# a{odd}b: c\n- x{odd}y\n- 'z'\n---\n{{k{odd}: v}}\n")

    assert [f"x{odd}y", "z"] == [node.value for node in first.value]
    assert (2, 2) == (place_of(first.value[1]).line, place_of(first.value[1]).column)
    assert f"k{odd}" == second.value[0][0].value
