"""The line that says how far the sources have come."""

from types import SimpleNamespace

import pytest

from falcohost.host.numbers import Numbers
from falcohost.host.progress import PAUSE, Progress, progress_text
from falcohost.testing.clock import ManualClock


def child(passed, done, ended=False):
    """Return what is looked at of a worker."""
    return SimpleNamespace(totals=Numbers(passed=passed, done=done), ended=ended)


@pytest.mark.parametrize(
    ("children", "text"),
    [
        ([child(0, None)], "0 events"),
        ([child(1234, 0.459)], " 45 %  1,234 events"),
        ([child(1, 0.5), child(2, None)], "3 events"),
        ([child(1, 0.5), child(2, None, ended=True)], " 75 %  3 events"),
        ([child(5, 1.0, ended=True)], "100 %  5 events"),
    ],
)
def test_text(children, text):
    """It has the events, and the share that is read where all sources know theirs."""
    assert text == progress_text(children)


def test_what_comes_next_overwrites_it(capsys):
    """The cursor is put back to the beginning; it is written a few times a second at most, and not unless wanted."""
    clock = ManualClock()
    progress = Progress(shown=True, clock=clock)
    progress.show([child(7, None)])
    progress.show([child(8, None)])
    clock.advance(PAUSE)
    progress.show([child(9, None)])
    progress.erase()
    Progress(shown=False).show([child(9, None)])

    assert capsys.readouterr().err == "7 events\x1b[K\r9 events\x1b[K\r\x1b[K"
