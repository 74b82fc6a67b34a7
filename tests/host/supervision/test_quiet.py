"""Alerts about the same thing come now and then, with the number of those in between; spells are told once."""

from falcohost.host.supervision.quiet import MOST, Quiet
from falcohost.host.supervision.spells import Spells
from falcohost.testing.clock import ManualClock


def test_one_in_a_while():
    """The first passes, and the next one after so many seconds says how many there were; things do not mix."""
    clock = ManualClock()
    quiet = Quiet(10, clock)

    assert [0, None, None, 0] == [quiet.passes(name) for name in ("one", "one", "one", "two")]
    clock.advance(9.9)
    assert None is quiet.passes("one")
    clock.advance(0.1)
    assert [3, 0] == [quiet.passes("one"), quiet.passes("two")]


def test_what_is_remembered_is_bounded():
    """Whoever makes up names has no more of them remembered than so many."""
    quiet = Quiet(10, ManualClock())
    for number in range(3 * MOST):
        quiet.passes(f"{number}")
        quiet.passes(f"{number}")

    assert len(quiet._told) <= MOST
    assert len(quiet._others) <= MOST


def test_a_spell_is_told_once():
    """It is told when it has lasted for so long, and its end only if it was told itself."""
    clock = ManualClock()
    spells = Spells(10, clock)

    assert None is spells.lasts("one")
    clock.advance(12)
    assert [12, None, None] == [spells.lasts(name) for name in ("one", "one", "two")]
    clock.advance(5)
    assert [17, None, None] == [spells.ends(name) for name in ("one", "one", "two")]
