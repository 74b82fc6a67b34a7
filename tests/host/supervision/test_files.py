"""Files that change: looked at once a second, not more often."""

import pytest

from falcohost.host.stamps import stamps
from falcohost.host.supervision.files import Files
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.renewal import Renewals
from falcohost.host.supervision.watch import Watch
from falcohost.testing.clock import ManualClock


class Begun:
    """Takes note of reloads."""

    def __init__(self):
        self.causes = []

    def begin(self, cause):
        """Take note of one."""
        self.causes.append(cause)


@pytest.fixture
def file(tmp_path):
    """Return a file that is watched."""
    path = tmp_path / "rules.yaml"
    path.write_text("a")
    return path


@pytest.mark.parametrize(("interval", "expected"), [(1.0, [0, 0, 0, 1, 1, 1]), (0.5, [0, 1, 1, 1, 1, 1])])
def test_a_change_begins_a_reload(file, interval, expected):
    """A change that has settled begins one reload; between two looks lies the interval."""
    clock, reloading = ManualClock(), Begun()
    files = Files(Watch(stamps([str(file)])), Renewals([], Loop()), reloading, interval, clock)
    files.look()
    file.write_text("ab")
    begun = []
    for _ in range(6):
        clock.advance(0.5)
        files.look()
        begun.append(len(reloading.causes))

    assert expected == begun
    assert ["Files have changed"] == reloading.causes


def test_what_appears_begins_a_reload(tmp_path):
    """Of paths that are awaited, the first that is there begins one reload; then there are others to wait for."""
    clock, reloading = ManualClock(), Begun()
    one, other = tmp_path / "one", tmp_path / "other"
    files = Files(Watch({}), Renewals([], Loop()), reloading, 1.0, clock, [str(one), str(other)])
    for path in (None, other, one):
        if path is not None:
            path.mkdir()
        clock.advance(2)
        files.look()
    assert [f"{other} has appeared"] == reloading.causes

    files.wait_for([str(one)])
    clock.advance(2)
    files.look()
    assert [f"{other} has appeared", f"{one} has appeared"] == reloading.causes
