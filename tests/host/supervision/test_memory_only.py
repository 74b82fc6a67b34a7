"""A run whose state is in memory tells so, and starts anew when the folder can be used."""

import pytest

from falcohost.errors import StateError
from falcohost.host.supervision.loop import Loop, Outcome
from falcohost.host.supervision.memory_only import IN_MEMORY, KEPT_AGAIN, PAUSE, MemoryOnly
from falcohost.testing.clock import ManualClock


@pytest.fixture
def run(tmp_path):
    """Return a function that returns a run, its alerts, and what looks after so many seconds."""

    def run(kept, claim=None, directory=tmp_path, why="it is full"):
        loop, told = Loop(ManualClock()), []
        one = MemoryOnly(loop, directory, claim, why, kept, lambda rule, priority, text, fields: told.append(rule))

        def look(seconds=PAUSE):
            loop.clock.advance(seconds)
            one.look()
            return loop.outcome

        return told, look

    return run


def test_a_state_on_the_disk(run):
    """Where the state is kept there is nothing to tell."""
    told, look = run(lambda: (True, False))

    assert ([None, None], []) == ([look(), look()], told)


def test_a_folder_that_can_be_locked_later(run, tmp_path):
    """The folder is tried every ten seconds; when it can be locked, and has room, the agent starts anew."""
    tried = []

    def claim():
        tried.append(1)
        if len(tried) < 3:
            raise StateError("not yet")

    told, look = run(lambda: (False, False), claim)

    assert [None, None, None, Outcome.RESTART] == [look(PAUSE / 2), look(PAUSE / 2), look(), look()]
    assert [IN_MEMORY, KEPT_AGAIN] == told
    look()
    assert 3 == len(tried)


def test_a_file_that_can_be_opened_later(run):
    """Where the folder is locked, the store says when its file could be opened."""
    usable = [False]
    told, look = run(lambda: (False, usable[0]))
    assert None is look()
    usable[0] = True

    assert (Outcome.RESTART, [IN_MEMORY, KEPT_AGAIN]) == (look(), told)


def test_a_folder_that_is_not_tried(run):
    """The folder of another agent is left to it."""
    told, look = run(lambda: (False, False), None)

    assert ([None, None], [IN_MEMORY]) == ([look(), look()], told)
