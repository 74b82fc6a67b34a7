"""Counters: what follows from the declaration of one."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.counters import (
    Over,
    as_json,
    by_name,
    counters,
    from_attributes,
    from_json,
    number,
    plus,
    progress,
    rows,
    since,
)
from falcohost.host.numbers import Numbers, RuleNumbers, TypeNumbers
from falcohost.stats import SourceStats, TypeCount


class Row(msgspec.Struct, frozen=True):
    """The numbers of one name."""

    first: Annotated[int, number("counts")] = 0
    last: Annotated[int, number("counts")] = 0
    between: Annotated[int, number("counts", before="last")] = 0


class Sample(msgspec.Struct, frozen=True):
    """One counter of each kind."""

    each: Annotated[Mapping[str, Row], rows("rows", text="row")] = {}
    lost: Annotated[Mapping[str, int], by_name("losses", text="lost", json="gone")] = {}
    full: Annotated[Mapping[str, float], by_name("how full", over=Over.LAST, text="full")] = {}
    done: Annotated[float | None, progress("share")] = None
    count: Annotated[int, number("counts")] = 0
    level: Annotated[int, number("says", over=Over.LAST)] = 0


def samples():
    """Return a strategy for numbers that one worker may have said."""
    counts = st.integers(0, 9)
    by = st.dictionaries(st.sampled_from("abc"), counts)
    each = st.dictionaries(st.sampled_from("abc"), st.builds(Row, counts, counts, counts))
    return st.builds(
        Sample, each, by, st.dictionaries(st.sampled_from("ab"), st.floats(0, 1)), st.none(), counts, counts
    )


def test_sums_and_what_the_last_worker_says():
    """Counts of one worker are added to those before it, by name."""
    before = Sample({"a": Row(1, 2), "b": Row()}, {"x": 1}, {"ring": 0.5}, 0.1, 10, 7)
    now = Sample({"c": Row(5), "a": Row(1, 1, 1)}, {"y": 2, "x": 3}, {}, 0.2, 1, 0)

    both = Sample({"a": Row(2, 3, 1), "b": Row(), "c": Row(5)}, {"x": 4, "y": 2}, {}, 0.2, 11, 0)
    assert both == plus(before, now)
    assert ["a", "b", "c"] == list(both.each)


@given(samples(), samples(), samples())
def test_workers_follow_one_another(one, two, three):
    """It does not matter when the numbers of earlier workers are added up."""
    assert plus(plus(one, two), three) == plus(one, plus(two, three))


@given(samples(), samples())
def test_what_has_come_since(before, now):
    """The difference to an earlier reading, added to it, is the current reading."""
    later = plus(before, now)

    assert plus(before, since(before, later)) == later


def test_what_came_since_keeps_names_that_count_nothing():
    """A cause of loss from which nothing has come since the earlier look is 0."""
    assert Sample(lost={"x": 0, "y": 2}, level=3) == since(
        Sample(lost={"x": 4}, level=2), Sample(lost={"x": 4, "y": 2}, level=3)
    )


def test_order_in_json():
    """JSON has numbers first, then what has names, then rows; a counter can stand before another."""
    data = as_json(Sample({"a": Row(1, 2, 3)}, {"x": 1}, {"ring": 0.5}, 0.1, 10))

    assert (
        '{"count":10,"level":0,"gone":{"x":1},"full":{"ring":0.5},"each":{"a":{"first":1,"between":3,"last":2}}}'
        == (msgspec.json.encode(data).decode())
    )


@given(samples())
def test_json_is_read_back(numbers):
    """Numbers written as JSON are read again, except for values that JSON does not have."""
    assert numbers == from_json(msgspec.json.decode(msgspec.json.encode(as_json(numbers))), Sample)


def test_json_of_another_version_is_refused():
    """Numbers that lack a counter are not taken for 0."""
    data = as_json(Sample())
    del data["gone"]

    with pytest.raises(msgspec.ValidationError, match="gone"):
        from_json(data, Sample)


@pytest.mark.parametrize("of", [SourceStats, TypeCount, Numbers, TypeNumbers, RuleNumbers])
def test_each_field_is_a_counter(of):
    """All numbers of sources and workers are declared as counters, with unique names in JSON."""
    names = [one.json for one in counters(of) if one.json is not None]

    assert len(set(names)) == len(names)
    assert [] == [one.name for one in counters(of) if not one.help]


def test_a_field_without_declaration_is_refused():
    """A number that nobody said how to add up is a mistake, found when it is used first."""

    class Odd(msgspec.Struct):
        count: int = 0

    with pytest.raises(TypeError, match=r"Odd\.count is not declared as a counter"):
        plus(Odd(), Odd())


def test_numbers_of_attributes():
    """Any object with attributes of the fields' names can be read as numbers."""

    class Counting:
        first, last, between, other = 1, 2, 3, 4

    assert Row(1, 2, 3) == from_attributes(Counting(), Row)
