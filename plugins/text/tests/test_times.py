"""Times in text logs."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from falcohost_text.times import read_time

BERLIN = ZoneInfo("Europe/Berlin")


def at(*numbers):
    return int(datetime(*numbers, tzinfo=UTC).timestamp()) * 1_000_000_000


NOW = at(2026, 11, 27, 12)


@pytest.mark.parametrize(
    ("text", "zone", "now", "expected"),
    [
        ("Nov 27 11:00:00", UTC, NOW, at(2026, 11, 27, 11)),
        ("Nov  7 11:00:00", BERLIN, NOW, at(2026, 11, 7, 10)),
        ("Jul  1 00:30:00", BERLIN, NOW, at(2026, 6, 30, 22, 30)),
        ("Nov 28 11:00:00", UTC, NOW, at(2026, 11, 28, 11)),
        ("Nov 28 13:00:00", UTC, NOW, at(2025, 11, 28, 13)),
        ("Dec 31 23:59:59", UTC, at(2027, 1, 1), at(2026, 12, 31, 23, 59, 59)),
        ("Jan  1 00:00:01", UTC, at(2026, 12, 31, 23, 59), at(2027, 1, 1, 0, 0, 1)),
        ("Feb 29 01:02:03", UTC, NOW, at(2024, 2, 29, 1, 2, 3)),
        ("Nov 27 2020 11:00:00", UTC, NOW, at(2020, 11, 27, 11)),
        ("Nov 27 11:00:00.25", UTC, NOW, at(2026, 11, 27, 11) + 250_000_000),
        ("27/Nov/2026:13:00:00 +0200", UTC, NOW, at(2026, 11, 27, 11)),
        ("2026-11-27T11:00:00.5+01:00", UTC, NOW, at(2026, 11, 27, 10) + 500_000_000),
        ("2026-11-27 11:00:00,5", BERLIN, NOW, at(2026, 11, 27, 10) + 500_000_000),
        ("1795801823", UTC, NOW, 1_795_801_823_000_000_000),
        ("Foo 27 11:00:00", UTC, NOW, None),
        ("Feb 30 11:00:00", UTC, NOW, None),
        ("Nov 27 25:00:00", UTC, NOW, None),
        ("27/Foo/2026:13:00:00 +0200", UTC, NOW, None),
        ("9999-12-31 11:00:00", BERLIN, NOW, None),
        ("Nov 27 9999 11:00:00", UTC, NOW, None),
        ("now", UTC, NOW, None),
    ],
)
def test_times(text, zone, now, expected):
    """A time without year is the last such one, up to a day ahead; one without zone is the source's."""
    assert read_time(text, zone, now) == expected


def test_the_zone_of_this_machine(monkeypatch):
    """Without a zone, times are those of this machine."""
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert read_time("Nov 27 11:00:00", None, NOW) == at(2026, 11, 27, 2)
    finally:
        monkeypatch.undo()
        time.tzset()
