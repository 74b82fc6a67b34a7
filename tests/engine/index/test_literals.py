"""Plain text in patterns: what must be in every value that they match."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcohost.engine.globs import glob
from falcohost.engine.index.literals import glob_literals, regex_literals
from falcohost.engine.regexes import regex
from falcohost.engine.values import ValueTextError


@pytest.mark.parametrize(
    ("pattern", "start", "inside"),
    [
        ("abc", "abc", "abc"),
        ("abc?d", "ab", "ab"),
        ("abc*", "ab", "ab"),
        ("ab+c", "ab", "ab"),
        ("ab+*c", "a", "c"),
        ("ab+?c", "a", "c"),
        ("ab+{0,1}c", "a", "c"),
        ("a{0,3}bcd", "", "bcd"),
        ("{b|}cd", "", ""),
        ("a{x|}cd", "", ""),
        ("a{,3}bcd", "", ""),
        (r"/etc/.*\.conf", "/etc/", ".conf"),
        (r".*\.conf", "", ".conf"),
        ("^abc", "", "abc"),
        ("a|b", "", ""),
        ("abc(d|e)f", "abc", "abc"),
        ("(abc)?defg", "", "defg"),
        ("ab[cd]efg", "ab", "efg"),
        ("ab[]]efg", "ab", "efg"),
        ("ab[[:alpha:]x]efg", "ab", "efg"),
        (r"ab\wefg", "ab", "efg"),
        (r"ab\x41efg", "", ""),
        ("(?i)abc", "", ""),
        ("abcé", "", ""),
    ],
)
def test_plain_text_of_a_regex(pattern, start, inside):
    """Text outside groups and classes counts, unless it may be left out; what is not understood gives nothing."""
    found = regex_literals(pattern)

    assert (start, inside) == (found.start, found.inside)


@given(
    st.lists(
        st.sampled_from([*"abAB./-", *"()[]{}*+?|^$\\", "[^a]", "[ab]", ".*", "(a|b)", r"\.", r"\w", "{1,2}", "é"])
    ),
    st.text(st.sampled_from("abAB./-é\udc80"), max_size=12),
)
@settings(max_examples=5 * settings().max_examples)
def test_whatever_a_regex_matches_has_its_plain_text(parts, value):
    """No value that matches is without the text that is said to be in it."""
    pattern = "".join(parts)
    found = regex_literals(pattern)
    try:
        matches = regex(pattern)
    except ValueTextError:
        return
    for text in (value, pattern, found.start + value, value + found.inside + value):
        if matches(text):
            assert text.startswith(found.start)
            assert found.inside in text


@given(
    st.lists(st.sampled_from([*"abAB/.", "*", "?", "[ab]", "[!a]", "\\", "[", "é"])),
    st.text(st.sampled_from("abAB/.é\udc80"), max_size=10),
    st.booleans(),
)
@settings(max_examples=5 * settings().max_examples)
def test_whatever_a_glob_matches_has_its_plain_text(parts, value, fold):
    """No value that matches is without the text that is said to be in it; a pattern of plain text is the value."""
    pattern = "".join(parts)
    matches, found = glob(pattern, fold=fold), glob_literals(pattern, fold=fold)
    for text in (value, pattern, pattern.replace("*", value)):
        if matches(text):
            assert found is not None
            small = text.lower() if fold else text
            start, end, inside = (part.lower() if fold else part for part in (found.start, found.end, found.inside))
            assert small.startswith(start)
            assert small.endswith(end)
            assert inside in small
            assert not found.whole or small == start
