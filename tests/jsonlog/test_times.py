"""Times in logs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost.jsonlog import parse_time

SECOND = 10**9
NOON = 1_700_000_000 * SECOND  # 2023-11-14T22:13:20Z


@pytest.mark.parametrize(
    ("text", "ts"),
    [
        ("2023-11-14T22:13:20Z", NOON),
        ("2023-11-14T22:13:20.1Z", NOON + 100_000_000),
        ("2023-11-14T22:13:20.123456789Z", NOON + 123_456_789),
        ("2023-11-14T22:13:20.1234567899Z", NOON + 123_456_789),
        ("2023-11-14T23:13:20+01:00", NOON),
        ("2023-11-14T16:43:20.5-05:30", NOON + 500_000_000),
        ("2023-11-14T22:13:20", NOON),
        ("2023-11-14 22:13:20.5", NOON + 500_000_000),
        ("2023-11-14 22:13:20 UTC", NOON),
        ("2023-11-14T22:13:20+0000", NOON),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * SECOND),
        ("1700000000", NOON),
        ("1700000000.000000001", NOON + 1),
    ],
)
def test_texts(text, ts):
    """A text is read to the nanosecond, with any offset; without one it is UTC."""
    assert ts == parse_time(text)


@pytest.mark.parametrize(
    ("number", "ts"),
    [
        (1_700_000_000, NOON),
        (1_700_000_000.25, NOON + 250_000_000),
        (1_700_000_000_123, NOON + 123_000_000),
        (1_700_000_000_123_456, NOON + 123_456_000),
        (NOON + 789, NOON + 789),
    ],
)
def test_numbers(number, ts):
    """A number is one of seconds, milliseconds, microseconds or nanoseconds, by its size."""
    assert ts == parse_time(number)


@pytest.mark.parametrize(
    "value",
    [
        None, True, "", "x", [], {}, 0, -5, 10**30, float("inf"), float("nan"), "2023-13-01T00:00:00Z",
        "2023-02-29T00:00:00Z", "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z", "2023-11-14", "9999-12-31T00:00:00Z",
        "0001-01-01T00:00:00Z", "٢٠٢٣-11-14T22:13:20Z", "2023-11-14T22:13:20Zx", "1" * 400,
        "2023-11-14T22:13:20ZZ", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20.٣Z",
    ],
)  # fmt: skip
def test_no_times(value):
    """A value that is not a time, or does not fit into 64 bits of nanoseconds, is None."""
    assert parse_time(value) is None


_digits = st.text("0123456789", min_size=2, max_size=2)


@given(
    date=st.dates() | st.just("2026-02-30"),
    clock=st.tuples(_digits, _digits, _digits | st.sampled_from(["59", "60", "61", "6\u0661", "-1"])),
    fraction=st.just("") | st.text("0123456789\u0661 ", max_size=11).map(".{}".format),
)
def test_the_usual_form_is_no_other_form(date, clock, fraction):
    """A time with the zone Z, which most logs write and which has a way of its own, is that with +00:00."""
    text = f"{date}T{':'.join(clock)}{fraction}"

    assert parse_time(f"{text}+00:00") == parse_time(f"{text}Z")
