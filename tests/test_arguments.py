"""What the argument of a field chooses."""

import pytest

from falcohost.arguments import chosen

MOUNTS = ("/srv/data", "/etc", "/etc/ssl")


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        (0, "/srv/data"),
        ("1", "/etc"),
        (3, None),
        ("3", None),
        ("^/etc", "/etc"),
        ("ssl$", "/etc/ssl"),
        ("none", None),
        ("(", None),
        ("\ud800", None),
        (None, None),
    ],
)
def test_chosen(argument, found):
    """A number is an index, all else a pattern; what is no pattern chooses nothing."""
    assert found == chosen(MOUNTS, argument, str)


def test_a_pattern_that_takes_long_elsewhere():
    """Its time is proportional to the text."""
    assert chosen(("a" * 50_000,), "(a+)+$x", str) is None
