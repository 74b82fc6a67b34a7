"""Suspects: whose message has ended the store process, and when that says nothing."""

import pytest

from falcohost.host.supervision.suspects import ASIDE, Suspects

CRASH = "killed by SIGSEGV"


@pytest.fixture
def stage():
    """Return suspects of two sources, the alerts that they raise, and the accusations."""
    raised, accused = [], []
    suspects = Suspects(
        ["one", "two"], lambda *told: raised.append(told), lambda *told: accused.append(told), {"one": 7, "two": 8}.get
    )
    return suspects, raised, accused


def crash(suspects, source, number, cause=CRASH, *, hung=False):
    """Have a store process end while it handles a message; return how the next one handles them."""
    caution = suspects.caution()
    caution.handled.begin(source, number if caution.careful else 0)
    suspects.ended(cause, hung=hung)
    return suspects.caution()


def test_the_second_time(stage):
    """The first end makes the next process careful; with the second it is known which message it was."""
    suspects, raised, _ = stage

    assert (True, frozenset()) == (lambda found: (found.careful, found.skipped))(crash(suspects, "two", 5))
    assert {("two", 5)} == crash(suspects, "two", 5).skipped
    ((rule, _, text, fields),) = raised
    assert (ASIDE, 8, 5, CRASH) == (rule, fields["pid"], fields["number"], fields["cause"])
    assert "event source 'two' (pid 8)" in text
    suspects.forget("one")
    assert {("two", 5)} == suspects.caution().skipped
    suspects.forget("two")
    assert frozenset() == suspects.caution().skipped


@pytest.mark.parametrize("cause", ["killed by SIGKILL", "killed by SIGTERM", "ended with status 0"])
def test_an_end_that_somebody_wanted(stage, cause):
    """It says nothing about what was handled, unless the process was killed since it did not answer."""
    suspects, _, _ = stage

    assert not crash(suspects, "one", 1, cause).careful
    assert crash(suspects, "one", 1, cause, hung=True).careful


def test_an_idle_process(stage):
    """If it handles nothing when it ends, nobody is suspected."""
    suspects, _, _ = stage
    caution = suspects.caution()
    caution.handled.begin("one", 1)
    caution.handled.end()
    suspects.ended(CRASH, hung=False)

    assert not suspects.caution().careful


def test_again_and_again(stage):
    """A worker that sends a fourth such message, or one that cannot even be read, is compromised."""
    suspects, raised, accused = stage
    for number in (1, 1, 2, 3):
        crash(suspects, "one", number)
    assert ([], 3) == (accused, len(raised))

    crash(suspects, "one", 4)
    crash(suspects, "two", 0)
    assert ["one", "two"] == [source for source, _ in accused]
    assert 3 == len(raised)
