"""The summary at the end, byte for byte Falco's."""

import msgspec

from falcohost import Priority
from falcohost.host.summary import Counts, Summary
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
