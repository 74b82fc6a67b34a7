"""Text that is not UTF-8, and text that must not reach a terminal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.texts import (
    ascii_lower,
    ascii_upper,
    bytes_text,
    escaped_json,
    is_plain,
    printable,
    printable_lines,
    text_bytes,
    valid,
)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"plain", "plain"),
        ("é€😀".encode(), "é€😀"),
        (b"a\x80b", "a\ufffdb"),
        (b"\xe2\x82", "\ufffd"),  # one maximal subpart, one replacement
        (b"\xe2\x82\xe2\x82", "\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),  # a surrogate in UTF-8
        (b"\xf0\x9f\x98", "\ufffd"),
    ],
)
def test_what_is_not_utf8_is_replaced(data, shown):
    """Each maximal sequence that is not UTF-8 becomes one U+FFFD, and text goes back to the bytes it came from."""
    text = bytes_text(data)

    assert data == text_bytes(text)
    assert shown == valid(text)


@pytest.mark.parametrize(
    "char",
    ["\0", "\n", "\t", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066", "\ufffe", "\ufdd0",
     "\U0010ffff", "\ud800"],
)  # fmt: skip
def test_what_is_not_printable_is_replaced(char):
    """Controls (C0, C1, of lines and of direction), non-characters and lone surrogates become U+FFFD in text."""
    assert printable(f"a{char}é").strip("\ufffd") in ("a\ufffdé", "a\ufffd\ufffd\ufffdé")


def test_printable_text_stays():
    """Letters of any script, blanks and punctuation are left alone."""
    assert "a b-é日本😀\u00a0" == printable("a b-é日本😀\u00a0")


@given(st.text(st.characters(max_codepoint=0xFF)) | st.text())
def test_plain_text_is_printable_ascii(text):
    """Text is plain if all of it is printable ASCII, whatever JSON would escape."""
    assert (text.isascii() and text.isprintable()) == is_plain(text)


def test_what_is_not_plain():
    """Controls, DEL, other alphabets and lone surrogates are not; quotes and backslashes are."""
    assert all(map(is_plain, ("", "a b~", 'a "b" \\ /')))
    assert not any(map(is_plain, ("\x7f", "a\n", '"\x00', "\x7f\\", "é", "\udc80", "\x9b")))


def test_lines_stay_lines():
    """Text of several lines keeps its newlines and tabs; an indented line cannot pass for the first of another text."""
    assert "a\tb\n  c\ufffd" == printable_lines("a\tb\nc\x1b", "  ")
    assert "é\nb" == printable_lines("é\nb")


def test_case_changes_for_ascii_alone():
    """Only A-Z and a-z have two cases, as in the C locale."""
    assert "aé\udc80É" == ascii_lower("Aé\udc80É")
    assert "Aéß" == ascii_upper("aéß")


def test_json_is_escaped():
    """What could forge text where a line of JSON is shown is escaped in it; the values are the same."""
    value = "plain \x7f\x85\x9b\u2028\u2029\u202a\u202e\u2066\u2069 ä€\u2027\u206a"
    line = escaped_json(json.dumps([value], ensure_ascii=False).encode()).decode()

    assert [value] == json.loads(line)
    assert '["plain \\u007f\\u0085\\u009b\\u2028\\u2029\\u202a\\u202e\\u2066\\u2069 ä€\u2027\u206a"]' == line
