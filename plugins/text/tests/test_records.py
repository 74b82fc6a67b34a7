"""Records of several lines: where they begin and end, and that no cursor passes half of one."""

import pytest

from falcohost.errors import ConfigError
from falcohost.jsonlog import Origin, Refusals, Texts
from falcohost.testing.clock import ManualClock
from falcohost_text.config import read_sources
from falcohost_text.parsing import compiled
from falcohost_text.records import QUIET, TOO_LONG, Records

DAY = r"^\d{4}-\d\d-\d\d "
TRACE = b"""\
2026-11-27 10:00:00 ERROR payment failed
Traceback (most recent call last):
  File "shop.py", line 7, in pay

ValueError: no money
2026-11-27 10:00:01 INFO next\r
2026-11-27 10:00:02 ERROR again
  at x
"""


def test_a_stack_trace_is_one_event(read):
    """Each record is one event, whose pattern reaches over its lines; empty lines inside belong to it."""
    pattern = r"^(?P<at>\S+ \S+) (?P<level>[A-Z]+) (?P<message>.*)$"
    lines = read(b"a rest\n" + TRACE, first_line=DAY, pattern=pattern, time="at", timezone="UTC")

    assert [
        (None, None, False),
        ("ERROR", "payment failed\nTraceback (most recent call last):\n  File \"shop.py\", line 7, in pay\n\n"
         "ValueError: no money", True),
        ("INFO", "next", True),
        ("ERROR", "again\n  at x", True),
    ] == lines.values("level", "message", "matched")  # fmt: skip
    assert [0, 7, 138, 169] == [event.offset for event in lines.events]
    assert 1_795_773_600_000_000_000 == lines.events[1].ts
    assert 4 == lines.stats.passed


def test_a_format_reaches_over_lines(read):
    """The message of a format has all lines of the record."""
    written = b"Nov 27 10:00:00 host app[7]: one\n  two\nNov 27 10:00:01 host app: three\n"
    lines = read(written, format="syslog", first_line="^[A-Z]")

    assert [("app", "one\n  two"), ("app", "three")] == lines.values("program", "message")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"first_line": "("}, "first_line is not a regular expression of RE2"),
        ({"first_line": "x", "format": "journald"}, "first_line has no meaning for the format journald"),
    ],
)
def test_mistakes(entry, message):
    """A pattern that cannot be used, or never applies, is an error with the source's name."""
    with pytest.raises(ConfigError, match=message):
        read_sources({"sources": [{"name": "app", "open_params": "/x"} | entry]})


class Fed:
    """Records that a test feeds line by line, in texts with cursors."""

    def __init__(self, most=100):
        self.clock = ManualClock()
        self.refusals = Refusals()
        self._records = Records(compiled("^>").search, most, self.refusals, self.clock)
        self._at = self._number = 0

    def take(self, data=b"", origin="a"):
        """Return the records that end, and the cursor."""
        self._number += bool(data)
        cursor = str(self._number) if data else None
        texts = Texts(Origin(origin, origin), [(self._at, data)] if data else [], cursor)
        self._at += len(data)
        ended, cursor = self._records.take(texts)
        return [record.raw for record in ended], cursor

    def rest(self):
        """Return what is left, and the cursor."""
        ended, cursor = self._records.rest()
        return [record.raw for record in ended], cursor


def test_no_cursor_passes_half_a_record():
    """A cursor is passed on only where no record is open before it."""
    fed = Fed()

    assert ([], None) == fed.take(b"> a\n")
    assert ([], None) == fed.take(b"b\n")
    assert ([b"> a\nb"], "2") == fed.take(b"> c\n")
    assert ([b"> c\nd"], None) == fed.take(b"d\n> e\n")
    assert ([b"> e", b"> f\ng"], "4") == fed.take(b"> f\ng\n> h\n")
    assert ([b"> h"], "5") == fed.rest()


def test_a_quiet_record_has_ended():
    """A record to which nothing is added for a second ends; its rest, if it comes later, is a record of its own."""
    fed = Fed()
    fed.take(b"> a\nb\n")
    fed.clock.advance(QUIET / 2)
    assert ([], None) == fed.take()
    fed.clock.advance(QUIET / 2)

    assert ([b"> a\nb"], "1") == fed.take()
    assert ([], None) == fed.take(b"late\n")
    assert ([b"late"], "2") == fed.take(b"> c\n")


def test_another_file_ends_a_record():
    """Lines of two files are never in one record."""
    fed = Fed()
    fed.take(b"> a\n")

    assert ([b"> a"], "1") == fed.take(b"rest\n", origin="b")


def test_a_record_is_bounded():
    """What is beyond the limit is counted, and the next record is whole again."""
    fed = Fed(most=10)

    assert [b"> a\nbb"] == fed.take(b"> a\nbb\n" + b"x" * 9 + b"\n" + b"y" * 9 + b"\n> c\n")[0]
    assert {TOO_LONG: 2} == dict(fed.refusals.counts)
