"""Checks of whole rules, macros and lists."""

import pytest

GOOD = """
- rule: Opened
  desc: A file was opened. Ask who did it.
  condition: evt.type = open and fd.name = /b
  output: Opened %fd.name
  priority: INFO
  tags: [maturity_stable, T1059.004]
"""


def test_nothing(found):
    """A rule that has all that it should have has no finding."""
    assert [] == found(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "check", "line"),
    [
        ("maturity_stable, ", "", "no-maturity", 2),
        ("maturity_stable", "maturity_stable, maturity_sandbox", "no-maturity", 2),
        ("T1059.004", "process", "no-technique", 2),
        ("A file was opened. Ask who did it.", "Opened.", "no-description", 2),
        ("Opened %fd.name", "Opened", "plain-output", 5),
        ("evt.type = open and", "", "no-event-type", 2),
        ("evt.type = open", "evt.type = open and evt.type = close", "never-fires", 4),
        ("fd.name = /b", "proc.cmdline contains b", "wide-filter", 4),
        ("evt.type = open", "evt.type = open and evt.dir = <", "load-warning", 4),
        ("- rule: Opened", "- macro: m\n  condition: fd.num = 1\n- rule: Opened", "unused-macro", 2),
        ("- rule: Opened", "- list: l\n  items: [a]\n- rule: Opened", "unused-list", 2),
    ],
)
def test_each(found, old, new, check, line):
    """What is not as it should be is told once, where it stands."""
    findings = [one for one in found(GOOD.replace(old, new)) if one.check != "redundant"]

    assert [(check, line)] == [(one.check, one.spot.place.line + 1) for one in findings]


def test_shadowed(found):
    """A rule that an earlier one hides is told, unless all rules that match are reported."""
    later = GOOD.replace("Opened\n", "Again\n").replace("fd.name = /b", "fd.name in (/b) and fd.num = 3")

    (one,) = found(GOOD, later)
    assert "shadowed-rule" == one.check
    assert "the rule is never reported: 'Opened' (rules.yaml:2) matches whenever it does" == one.what
    assert [] == found(GOOD, later, first=False)
