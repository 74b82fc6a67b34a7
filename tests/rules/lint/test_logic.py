"""Parts of conditions that are never true, always true, or decide nothing."""

import pytest


@pytest.mark.parametrize(
    "condition",
    [
        "evt.type = open and proc.name = a and proc.name = b",
        "evt.type = open and proc.name = a and not proc.name in (a, b)",
        "evt.type = open and proc.name exists and not proc.name exists",
        "evt.type = open and proc.name != a and not proc.name exists",
        "evt.type = open and proc.name = ab and proc.name startswith b",
        "not (not evt.type = open or not proc.name = a or proc.name = a)",
    ],
)
def test_contradictions(told, condition):
    """A condition whose checks exclude each other is one that no event can match."""
    (what,) = told("never-fires", condition)

    assert what.startswith("the rule can never fire: ")


@pytest.mark.parametrize(
    ("condition", "what"),
    [
        (
            "evt.type = open and proc.name = a and (proc.name = b or fd.num = 3)",
            "'proc.name = b' is never true where 'proc.name = a' is",
        ),
        (
            "evt.type = open and (fd.num = 1 or (proc.name = a and proc.name = b))",
            "'proc.name = b' is never true beside 'proc.name = a'",
        ),
        (
            "evt.type = open and not proc.name in (a, b) and not (proc.name = a and fd.num = 3)",
            "'proc.name = a' is never true where 'not proc.name in (a, b)' is, so nothing else in its 'and' matters",
        ),
        (
            "evt.type in (open, openat) and (evt.type = close or fd.num = 3)",
            "'evt.type = close' is never true where 'evt.type in (open, openat)' is",
        ),
    ],
)
def test_parts_that_are_never_true(told, condition, what):
    """A part that cannot be true where it stands is told, with what excludes it."""
    assert [what] == told("never-true", condition)


def test_parts_that_are_always_true(told):
    """A way that is always open is told: the others do not matter."""
    (what,) = told("always-true", "evt.type = open and proc.name = a and (proc.name in (a, b) or fd.num = 3)")

    assert "'proc.name in (a, b)' is always true where 'proc.name = a' is, so nothing else in its 'or' matters" == what


@pytest.mark.parametrize(
    "condition",
    [
        "evt.type = open and proc.name = a and proc.name exists",
        "evt.type = open and proc.name in (a, b) and proc.name = a",
        "evt.type = open and not proc.name = a and not proc.name in (a, b)",
        "evt.type = open and (proc.name contains ab or proc.name contains a)",
    ],
)
def test_redundant_checks(told, condition):
    """A check that says less than another beside it is told."""
    assert 1 == len(told("redundant", condition))


@pytest.mark.parametrize(
    "condition",
    [
        "evt.type = open and proc.name = a and proc.pname = b",
        "evt.type = open and proc.name startswith a and proc.name endswith a",
        "evt.type = open and evt.num >= 0 and not evt.num = 0 and evt.num >= 0",
        "evt.type = open and not proc.name in ()",
        "evt.type = open and not proc.name in () and proc.name = a",
        "evt.type = open and proc.name = a and not proc.name in ()",
        "evt.type = open and (fd.name = /etc/shadow or fd.name startswith /etc/)",
        "evt.type = open and (fd.name startswith /etc/ or fd.name in (/etc/shadow))",
        "evt.type = open and fd.sip = 10.0.0.1 and fd.sip != 10.0.0.2",
    ],
)
def test_nothing(found, rule, condition):
    """Where nothing is proved, or a check is made to be constant, nothing is told."""
    told = {"never-fires", "never-true", "always-true", "redundant"} & {one.check for one in found(rule(condition))}

    assert set() == told


def test_parts_of_macros(found, rule, macro):
    """What is never true in one use of a macro may be in another; in every use, it is told, once."""
    ways = macro("ways", "(evt.type = close or fd.num = 3)")
    opened, others = rule("evt.type = open and ways", name="r"), rule("evt.type in (open, close) and ways", name="s")
    again = rule("evt.type in (open, openat) and ways", name="t")

    assert [] == found(ways, opened, others, check="never-true")
    (one,) = found(ways, opened, again, check="never-true")
    assert ("rules.yaml", 1, 14, "macro 'ways'", ("r", "t")) == (
        one.spot.file.name,
        one.spot.place.line,
        one.spot.place.column,
        one.within,
        one.users,
    )


def test_redundant_beside_a_macro(told, macro):
    """A check that a macro makes as well is not told: macros are written for several rules."""
    assert [] == told("redundant", "opened and evt.type = open", macro("opened", "(evt.type in (open, openat))"))


def test_parameters_that_events_do_not_have(found, rule):
    """A check of a parameter that no event of the rule's types has is never true."""
    wrong = rule("evt.type = close and evt.arg.flags contains O_CREAT")
    good = rule("evt.type in (open, close) and evt.arg.flags contains O_CREAT", name="s")

    (one,) = found(wrong, good, check="never-true")
    assert "events of type close have no parameter flags" in one.what
    assert "rules.yaml" == one.spot.file.name


def test_places(found, rule):
    """A finding is at its check, in the file and line where that stands."""
    text = rule("evt.type = open", "exceptions:", "  - name: e\n      fields: [proc.name]\n      values: [[a], [b]]")
    folded = text.replace("condition: evt.type = open", "condition: >\n    evt.type = open\n    and proc.name = c")
    places = {(one.check, one.spot.place.line + 1, one.spot.place.column + 1) for one in found(folded)}

    assert {("redundant", 10, 16), ("exempt-by-name", 10, 16), ("no-maturity", 1, 3)} <= places
