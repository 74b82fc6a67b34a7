"""The summary at the end, byte for byte Falco's."""

import json

import msgspec

from falcohost import Priority
from falcohost.host.summary import MOST_FAULTS, Counts, Summary
from falcohost.testing.outputs import alert


def test_nothing_detected():
    """The headers are there without a single alert."""
    assert Summary(["a"]).text() == "Events detected: 0\nRule counts by severity:\nTriggered rules by rule name:\n"


def test_counts():
    """Severities in order and upper case, INFO short; rules in order of definition; only what fired."""
    summary = Summary(["rule b", "rule quiet", "rule a"])
    informational = msgspec.structs.replace(alert("b"), priority=Priority.INFORMATIONAL)
    for alerts in ([alert("a"), alert("b"), alert("a")], [informational]):
        counts = Counts()
        counts.add(alerts)
        summary.count(counts.rules, counts.priorities)

    assert summary.text().splitlines() == [
        "Events detected: 4",
        "Rule counts by severity:",
        "   WARNING: 3",
        "   INFO: 1",
        "Triggered rules by rule name:",
        "   rule b: 2",
        "   rule a: 2",
    ]


def test_rules_that_could_not_be_evaluated():
    """They follow with rule, field and count, those that failed most often first, and the others as one number."""
    faults = {f"rule {number} (a.field)": number for number in range(1, MOST_FAULTS + 3)} | {"bad\n (b)": 1000}

    heading, *lines = Summary(["a"]).text(faults).splitlines()[3:]
    assert "Rules that could not be evaluated (because of the field), by number of events:" == heading
    assert [
        "   bad\N{REPLACEMENT CHARACTER} (b): 1000",
        f"   rule {MOST_FAULTS + 2} (a.field): {MOST_FAULTS + 2}",
    ] == lines[:2]
    assert MOST_FAULTS + 1 == len(lines)
    assert "   3 others: 6" == lines[-1]


def test_as_json():
    """As JSON it is one line with the same numbers, and with all rules that could not be evaluated."""
    summary = Summary(["rule b", "rule quiet", "rule \u202ea"])
    summary.count({"rule b": 2, "rule \u202ea": 1}, {Priority.WARNING: 2, Priority.INFORMATIONAL: 1})
    faults = {f"rule {number} (a.field)": number for number in range(1, MOST_FAULTS + 3)}
    line = summary.json(faults)

    assert (1, True) == (line.count("\n"), line.isascii())
    assert {
        "events_detected": 3,
        "by_severity": {"WARNING": 2, "INFO": 1},
        "by_rule": {"rule b": 2, "rule \u202ea": 1},
        "not_evaluated": faults,
    } == json.loads(line)
