"""When the agent is ready, and how long it runs from then on."""

import pytest

from falcohost.host import wire
from falcohost.host.supervision.loop import Outcome
from falcohost.host.supervision.readiness import Readiness


@pytest.fixture
def ready(stage):
    """Return a function that sets up the readiness of some sources, which go on; and what is told of it."""

    def ready(*names, seconds=0):
        set_up, told = stage(*names), []
        return set_up, Readiness(set_up.workers.children, set_up.loop, seconds, told.append), told

    return ready


def test_every_source_is_waited_for(ready):
    """It is told once, when each source is open or has failed to open."""
    stage, readiness, told = ready("one", "two")
    readiness.check()
    stage.last("one").say(wire.Ready())
    stage.turn()
    readiness.check()
    assert ([], False) == (told, readiness.reached)
    stage.last("two").end()
    stage.turn()
    readiness.check()
    readiness.check()

    assert ([["one"]], True) == (told, readiness.reached)


def test_a_source_that_has_ended_was_open(ready):
    """A source that has come to its end before the others were open counts as open."""
    stage, readiness, told = ready("one", "two")
    stage.last("one").say(wire.Ready(), wire.Ended())
    stage.last("one").end()
    stage.last("two").say(wire.Ready())
    stage.turn()
    readiness.check()

    assert [["one", "two"]] == told


@pytest.mark.parametrize(("seconds", "outcome"), [(5, Outcome.STOPPED), (0, None)])
def test_how_long_it_runs(ready, seconds, outcome):
    """The seconds of a run count from when it is ready."""
    stage, readiness, _ = ready("one", seconds=seconds)
    stage.let_pass(10)
    stage.last("one").say(wire.Ready())
    stage.turn()
    readiness.check()
    stage.let_pass(4.9)
    assert stage.loop.outcome is None
    stage.let_pass(0.2)

    assert stage.loop.outcome is outcome
