"""Globs agree with the C library, and take linear time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import fnmatch
from world import holds

from falcohost.engine.globs import glob

SPECIAL = (
    "[ab]",
    "[!ab]",
    "[^a-c]",
    "[]a]",
    "[a-]",
    "[[:upper:]]",
    "[![:digit:]_]",
    "[[.a.]]",
    "[[=a=]b]",
    "[\\]]",
    "[a",
)
patterns = st.lists(st.sampled_from([*"abAB*?!^-\\:z0é", *SPECIAL]), max_size=6).map("".join)
values = st.text(st.sampled_from("abABz]-[!^:0\\é_"), max_size=6)


@given(patterns, values, st.booleans())
@settings(max_examples=5 * settings().max_examples)
def test_globs_agree_with_fnmatch(pattern, value, fold):
    """A glob matches exactly what fnmatch(3) matches in the C locale, with and without folding."""
    assert fnmatch(pattern.encode(), value.encode(), fold) is glob(pattern, fold=fold)(value)


def test_a_hostile_pattern_costs_little():
    """A pattern that an event brings along (``glob val(f)``) is compiled only up to the length of a constant."""
    start = time.thread_time()

    assert not holds("s.text glob val(s.other)", s_text="ab" * 50_000, s_other="[ab]?" * 50_000)
    assert holds("s.text glob val(s.other)", s_text="ab" * 50_000, s_other="*".join("ab" * 10_000))
    assert time.thread_time() - start < 2


def test_a_class_that_does_not_exist_matches_nothing():
    """``[[:nope:]]`` is an error to fnmatch(3), so the pattern never matches."""
    assert not glob("[[:nope:]]")("n")


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*a*a*a*b", "*[a]*[a]*[a]*[a]*[a]*[a]*b", "*a?*a?*a?*a?*a?*b"])
def test_a_hostile_value_costs_linear_time(pattern):
    """A value made to make a backtracking matcher slow is refused at once."""
    matches, value = glob(pattern), "a" * 100_000
    start = time.thread_time()

    assert not matches(value)
    assert time.thread_time() - start < 2
