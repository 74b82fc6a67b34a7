"""Quotes and escapes of constants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.lang.quoting import EscapeError, quote, unquote


@pytest.mark.parametrize(
    ("quoted", "expected"),
    [
        ('"a b"', "a b"),
        ("'a b'", "a b"),
        (r'"\b\f\n\r\t"', "\b\f\n\r\t"),
        (r'"\\ \/"', "\\ /"),
        (r'"\""', '"'),
        (r"'\''", "'"),
        (r'"a\ b"', "a\\b"),
        ('"it\'s"', "it's"),
    ],
)
def test_unquote(quoted, expected):
    """Each escape stands for its character; a backslash before a blank stands for itself, as in old rules."""
    assert expected == unquote(quoted)


@pytest.mark.parametrize("quoted", [r'"\d"', r'"\x41"', r'"\'"', r"'\"'"])
def test_bad_escape(quoted):
    """A character that cannot be escaped is an error."""
    with pytest.raises(EscapeError):
        unquote(quoted)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("abc", "abc"),
        ("", ""),
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ("it's", '"it\'s"'),
        ('say "x"', r'"say \"x\""'),
        ("a\\b", r'"a\\b"'),
        ("a\nb", r'"a\nb"'),
        ("a,b(c)", "a,b(c)"),
    ],
)
def test_quote(value, expected):
    """A value is put in quotes for blanks, equals signs, quotes, backslashes and control characters, and else not."""
    assert expected == quote(value)


@given(st.text())
def test_round_trip(value):
    """A value written in quotes is read as the same value."""
    written = quote(value)

    assert value == (unquote(written) if written.startswith('"') and written != value else written)
