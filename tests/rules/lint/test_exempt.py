"""Exemptions that any process can claim."""

import pytest


@pytest.mark.parametrize(
    ("condition", "checks"),
    [
        ("evt.type = open and not proc.name = a", ["proc.name = a"]),
        ("evt.type = open and proc.name != a", ["proc.name != a"]),
        ("evt.type = open and not proc.name in (a, b)", ["proc.name in (a, b)"]),
        ("evt.type = open and not proc.cmdline contains x", ["proc.cmdline contains x"]),
        ("evt.type = open and not (proc.name = a and proc.pname = b)", ["proc.name = a"]),
        ("evt.type = open and not (proc.name = a or fd.name = /b)", ["proc.name = a"]),
        ("evt.type = open and not (evt.type = open and proc.aname[2] = a)", ["proc.aname[2] = a"]),
        ("not (not evt.type = open or proc.name = a)", ["proc.name = a"]),
        ("evt.type = open and ((fd.num = 3 and not proc.name = a) or fd.num = 4)", ["proc.name = a"]),
        ("evt.type = open and not (proc.name = a and not proc.pname = b)", ["proc.name = a"]),
    ],
)
def test_claims(told, condition, checks):
    """An exemption is told if one way into it needs only what a process says of itself."""
    assert checks == [what.split("'")[1] for what in told("exempt-by-name", condition)]


@pytest.mark.parametrize(
    "condition",
    [
        "evt.type = open and proc.name = a",
        "evt.type = open and not (proc.name = a and fd.name = /b)",
        "evt.type = open and not fd.name = /b",
        "evt.type = open and (proc.name = a or proc.pname = b)",
        "evt.type = open and not proc.name in ()",
        'evt.type = open and not proc.name in ("<NA>", "N/A")',
        "evt.type = open and not proc.name exists",
        "evt.type = open and not (fd.name = /b and (proc.name = a or proc.pname = c))",
        "evt.type = open and not proc.name = val(proc.pname)",
    ],
)
def test_no_claims(told, condition):
    """With a check of something else in every way, and where nobody is exempt, nothing is told."""
    assert [] == told("exempt-by-name", condition)


def test_exceptions(found, rule):
    """An exception by name is told at its field, one by name and file is not."""
    by_name = "exceptions:\n    - name: e\n      fields: proc.name\n      comps: in\n      values: [a]"
    both = "exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n      values: [[a, /b]]"
    (one,) = found(rule("evt.type = open", by_name) + rule("evt.type = open", both, name="s"), check="exempt-by-name")

    assert ("      fields: proc.name", "rule 'r'") == (_line(one), one.within)


def test_macros(found, rule, macro):
    """A macro by which several rules exempt is told once, with these rules."""
    text = macro("known", "(proc.name = a)") + rule("evt.type = open and not known")
    (one,) = found(text + rule("evt.type = close and not known", name="s"), check="exempt-by-name")

    assert (2, "macro 'known'", ("r", "s")) == (one.spot.place.line + 1, one.within, one.users)


def _line(finding):
    """Return the line of the file that a finding is in."""
    return finding.spot.file.text.splitlines()[finding.spot.place.line]
