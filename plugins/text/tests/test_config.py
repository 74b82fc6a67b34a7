"""Tests which configurations of text sources are valid, and how others are refused."""

from ipaddress import ip_address

import pytest

from falcohost import FalcohostError
from falcohost.program import Program
from falcohost_text.config import read_sources

PATTERN = r"^(?P<at>\S+ \S+) (?P<who>\w*) (?P<n>\S+) (?P<took>\S+) (?P<from>\S+)(?: (?P<rest>.*))?"
TYPES = {"n": "number", "took": "decimal", "from": "ip", "at": "time"}


def test_a_pattern(read):
    """Groups of a pattern are fields of the types given; what is not of its type is absent."""
    lines = (
        b"2026-11-27 12:00:00 eve 17 0.25 192.0.2.1 \xc3\xa9\n2026-11-27T 12 x 1.5 y 999999999999999999999\n nothing"
    )
    found = read(lines, pattern=PATTERN, types=TYPES, time="at", timezone="UTC")

    assert found.values("who", "n", "took", "from", "rest", "at") == [
        ("eve", 17, 0.25, ip_address("192.0.2.1"), "é", 1_795_780_800_000_000_000),
        ("x", None, None, None, None, None),
        (None, None, None, None, None, None),
    ]
    assert found.events[0].ts == 1_795_780_800_000_000_000
    assert found.values("matched") == [(True,), (True,), (False,)]


def test_the_block_itself():
    """A block that opens something is the source text; without a format its lines are read as they are."""
    (one,) = read_sources({"open_params": ["/a", "/b"]})

    assert (one.name, one.description, one.format.columns) == ("text", "Lines of /a, /b.", ())


def test_sources():
    """Each entry is a source; a program is a list of words, or a text for the shell."""
    one, two = read_sources(
        {
            "sources": [
                {
                    "name": "one",
                    "open_params": "file:///var/log/auth.log",
                    "format": "auth",
                    "timezone": "Europe/Berlin",
                },
                {
                    "name": "two",
                    "program": "journalctl -f -o json",
                    "format": "journald",
                    "description": "The journal.",
                },
            ]
        }
    )

    assert (str(one.zone), one.open_params) == ("Europe/Berlin", "file:///var/log/auth.log")
    assert (two.program, two.description) == (Program(("/bin/sh", "-c", "journalctl -f -o json")), "The journal.")


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"name": "a b", "open_params": "x"}, "'a b': the name is not valid"),
        ({"open_params": "x"}, "the name is not valid"),
        ({"name": "a"}, "has neither open_params nor program"),
        ({"name": "a", "open_params": "x", "program": "y"}, "has both open_params and program"),
        ({"name": "a", "open_params": "x", "format": "y"}, "format 'y' is not valid; use one of: lines, syslog, auth"),
        ({"name": "a", "open_params": "x", "format": "auth", "pattern": "y"}, "has both format and pattern"),
        ({"name": "a", "open_params": "x", "pattern": "("}, "not a regular expression of RE2: missing \\)"),
        ({"name": "a", "open_params": "x", "pattern": r"(a)\1"}, "not a regular expression of RE2: invalid escape"),
        ({"name": "a", "open_params": "x", "pattern": "(?P<line>.)"}, "every source has a field text.line"),
        (
            {"name": "a", "open_params": "x", "pattern": "(?P<b>.)", "types": {"c": "ip"}},
            "names 'c', which is not a group",
        ),
        (
            {"name": "a", "open_params": "x", "pattern": "(?P<b>.)", "types": {"b": "x"}},
            "type 'x' is not valid; use one of",
        ),
        ({"name": "a", "open_params": "x", "pattern": "(?P<b>.)", "time": "c"}, "time 'c' is not a group of pattern"),
        ({"name": "a", "open_params": "x", "timezone": "Nowhere/Town"}, "timezone 'Nowhere/Town' is not known"),
        ({"name": "a", "open_params": "x", "timezone": "../x"}, "timezone '../x' is not known"),
    ],
)
def test_mistakes_are_told(entry, text):
    """A mistake is told with the source that it is in, and with what mends it."""
    with pytest.raises(FalcohostError, match=text):
        read_sources({"sources": [entry]})
