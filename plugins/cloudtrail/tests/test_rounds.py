"""How far a bucket has been read: nothing is missed that is not too late, and nothing is read twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trail import key

from falcohost_cloudtrail import rounds
from falcohost_cloudtrail.interval import Interval
from falcohost_cloudtrail.rounds import Cursor, Listed, Round, span

PREFIX = "AWSLogs/123456789012/CloudTrail/eu-central-1/"
START = datetime(2026, 11, 25, 20, tzinfo=UTC).timestamp()
LATE = 6 * 3600
HOUR = 3600


@dataclass(frozen=True)
class Object:
    """An object that came *modified* seconds after the start, is *late* by its name, and shows *hidden* later."""

    number: int
    modified: int
    late: int
    hidden: int

    @property
    def listed(self):
        """Return it as it is listed."""
        time = datetime.fromtimestamp(START + self.modified - self.late, UTC)
        return Listed(key(f"{time:%Y-%m-%dT%H:%M}", str(self.number)), START + self.modified)


@st.composite
def objects(draw):
    """Return objects that come within two days."""
    times = st.tuples(st.integers(0, 48 * HOUR), st.integers(0, LATE), st.integers(0, LATE - 1))
    return [Object(number, *one) for number, one in enumerate(draw(st.lists(times, max_size=30)))]


def listing(all_objects, now, begin):
    """Return what S3 lists *now*."""
    seen = [one.listed for one in all_objects if one.modified + one.hidden <= now]
    return sorted((one for one in seen if one.key > begin), key=lambda one: one.key)


def run(cursor, all_objects, now, until=None):
    """Read what is new; end, as if killed, after *until* objects. Return the keys that were read."""
    state = cursor.partitions.setdefault(PREFIX, rounds.Partition())
    begin, _ = span(PREFIX, state, Interval(), START + now, LATE)
    this = Round(PREFIX, state, START + now, LATE)
    read = []
    for one in listing(all_objects, now, begin):
        if this.is_new(one):
            if len(read) == until:
                return read
            read.append(one.key)
            this.handled(one)
    this.close()
    return read


@given(objects(), st.lists(st.integers(1, 6 * HOUR), max_size=20))
@settings(deadline=None)
def test_each_once(all_objects, pauses):
    """Whatever the order in which objects come and show, each is read once."""
    cursor, now, read = Cursor(), 0, []
    for pause in [*pauses, 60 * HOUR]:
        now += pause
        read += run(cursor, all_objects, now)

    assert Counter(one.listed.key for one in all_objects) == Counter(read)


@given(objects(), st.lists(st.tuples(st.integers(1, 3 * HOUR), st.integers(0, 5)), max_size=20))
@settings(deadline=None)
def test_killed(all_objects, kills):
    """Killed after any object, and begun again from its cursor, nothing is missed, nor read twice."""
    text, now, read = msgspec.json.encode(Cursor()), 0, []
    for pause, until in kills:
        now += pause
        cursor = msgspec.json.decode(text, type=Cursor)
        read += run(cursor, all_objects, now, until)
        text = msgspec.json.encode(cursor)
    read += run(msgspec.json.decode(text, type=Cursor), all_objects, now + 60 * HOUR)

    assert Counter(one.listed.key for one in all_objects) == Counter(read)


def test_memory_is_bounded(monkeypatch):
    """Of more objects than are remembered the oldest are forgotten, and are not read again."""
    monkeypatch.setattr(rounds, "MOST_RECENT", 50)
    many = [Object(number, number * 60, number % 7 * 60, 0) for number in range(300)]
    cursor, read = Cursor(), []
    for now in range(0, 24 * HOUR, HOUR):
        read += run(cursor, many, now)

    assert len(cursor.partitions[PREFIX].recent) <= 50
    assert {1} == set(Counter(read).values())


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("", ""),
        ("2026/11/20/x", f"{PREFIX}2026/11/19/"),
        ("2030/01/01/x", f"{PREFIX}2026/11/25/"),
        ("9999/99/99/x", ""),
        ("strange", ""),
    ],
)
def test_where_a_listing_begins(after, expected):
    """It begins a while before the newest object; a time that has not come, or is none, does not move it on."""
    assert (expected, None) == span(PREFIX, rounds.Partition(after), Interval(), START, LATE)
