"""Comments by which findings are ignored."""

import pytest

RULE = """\
- rule: Opened
  desc: A file was opened. Ask who did it.
  condition: >
    evt.type = open and fd.name = /b
    and not proc.name = a
  output: Opened %fd.name
  priority: INFO
  tags: [maturity_stable, T1059]
"""
COMMENT = "# falcohost: ignore[exempt-by-name] everybody knows a"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- rule", f"{COMMENT}\n- rule"),
        ("- rule", f"{COMMENT}\n\n# Other things.\n- rule"),
        ("Opened\n", f"Opened  {COMMENT}\n"),
        ("    and not", f"    {COMMENT}\n    and not"),
        ("proc.name = a", f"proc.name = a  {COMMENT}"),
        ("- rule", "# falcohost: ignore-file[no-technique, exempt-by-name]\n- list: l\n  items: [b]\n- rule"),
    ],
)
def test_ignored(found, old, new):
    """A finding is ignored by a comment on its line or above it, at the beginning of its item, or for the file."""
    checks = {one.check for one in found(RULE.replace(old, new, 1))}

    assert checks <= {"unused-list", "needless-ignore"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- rule", "# falcohost: ignore[no-technique]\n- rule"),
        ("  priority", f"  {COMMENT}\n  priority"),
        ("- rule", f"{COMMENT}\n- list: l\n  items: [b]\n- rule"),
    ],
)
def test_not_ignored(found, old, new):
    """A comment elsewhere, or about another check, ignores nothing, and that is told."""
    checks = {one.check for one in found(RULE.replace(old, new, 1))}

    assert {"exempt-by-name", "needless-ignore"} <= checks


def test_unknown_check(found):
    """A comment that names a check that does not exist is told, with its place."""
    (one,) = found(RULE.replace("- rule", "  # falcohost: ignore[exempt-by-nam]\n- rule"), check="unknown-check")

    assert (0, 2) == (one.spot.place.line, one.spot.place.column)


def test_in_a_macro(found):
    """What is found in a macro is ignored at the macro, wherever the rule is that uses it."""
    macro = "- macro: known\n  condition: (proc.name = a)\n"
    rule = RULE.replace("proc.name = a", "known")

    assert ["exempt-by-name"] == [one.check for one in found(macro, rule)]
    assert [] == found(f"{COMMENT}\n{macro}", rule)
