"""A source as the agent tells of it, in each of its states."""

from falcohost.host import wire
from falcohost.host.numbers import Numbers
from falcohost.host.snapshot import SourceState, source_snapshot


def test_states_of_a_source(stage):
    """A source is starting, open, down while its worker waits to be started again, and ended."""
    stage = stage("one", "two")
    stage.last("two").say(wire.Ready())
    states = []

    def look():
        states.append(source_snapshot(stage.child()).state)

    look()
    stage.last().say(wire.Ready(), wire.Report(Numbers(fill={"ring": 0.5}, notes=("said",)), 1.5, measuring=True))
    stage.let_pass(2)
    look()
    stage.last().say(wire.Failed("no token"))
    stage.last().end()
    stage.turn()
    stage.clock.advance(0.1)
    down = source_snapshot(stage.child())
    stage.let_pass(0.1)
    look()
    stage.last().say(wire.Ready(), wire.Ended())
    stage.last().end("")
    stage.turn()
    look()

    assert SourceState("one", "down", "no token", 0, 2.000001, down.state.at, False) == down.state
    assert Numbers() == down.numbers  # what only a worker that is there can say is not kept
    found = [(one.state, one.restarts, round(one.seconds, 3), one.measuring) for one in states]
    assert [
        ("starting", 0, 0, False), ("open", 0, 2, True), ("starting", 1, 2, False), ("ended", 1, 2, False),
    ] == found  # fmt: skip
    assert 1.5 == states[1].at
