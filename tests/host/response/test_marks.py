"""Marks of actions that were taken: they outlive everybody who has written them."""

import os

from falcohost.host.response.marks import Marks
from falcohost.host.response.state import STOPPED, Switch, open_marks


def test_they_stay(tmp_path):
    """A mark is there for whoever opens the files next."""
    Marks(open_marks(tmp_path)).add("a zap")

    assert (True, False) == ((found := Marks(open_marks(tmp_path))).has("a zap"), found.has("b zap"))


def test_in_memory():
    """Without a state directory they are in memory, where a forked process finds them."""
    descriptors = open_marks(None)
    Marks(descriptors).add("a zap")
    again = Marks(descriptors)
    again.add("b zap")

    assert [True, True] == [again.has("a zap"), Marks(descriptors).has("b zap")]


def test_by_turns(tmp_path):
    """When a file is full, the other begins anew: the last marks are there, and the files do not grow."""
    marks = Marks(open_marks(tmp_path), full=1000)
    for number in range(1000):
        marks.add(f"{number} zap")
    again = Marks(open_marks(tmp_path), full=1000)

    assert all(again.has(f"{number} zap") for number in range(900, 1000))
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < 1100


def test_half_a_mark(tmp_path):
    """What the loss of power has left of a mark spoils no other."""
    (tmp_path / "actions.marks").write_text("a zap\nb z")
    marks = Marks(open_marks(tmp_path))
    marks.add("c zap")

    assert [True, False, True] == [Marks(open_marks(tmp_path)).has(f"{one} zap") for one in "abc"]


def test_what_somebody_has_put_there(tmp_path):
    """A link, or a file that has another name, too, is not written to."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    state = tmp_path / "state"
    state.mkdir()
    (state / "actions.marks").symlink_to(victim)
    Marks(open_marks(state)).add("a zap")
    (state / "actions.marks").unlink()
    os.link(victim, state / "actions.marks")
    Marks(open_marks(state)).add("a zap")

    assert "mine" == victim.read_text()


def test_the_switch(tmp_path):
    """That all actions are stopped outlives the agent."""
    assert "" == Switch(tmp_path).turn(stopped=True)
    assert (True, True) == (Switch(tmp_path).stopped, (tmp_path / STOPPED).exists())
    assert "" == Switch(tmp_path).turn(stopped=False)
    assert False is Switch(tmp_path).stopped


def test_a_switch_that_does_not_last():
    """Without a state directory it is turned, but does not last, which is told."""
    switch = Switch(None)

    assert ("there is no state directory", True) == (switch.turn(stopped=True), switch.stopped)
