"""A long loading says how far it is; a short one says nothing."""

import io
import re

import pytest

from falcohost.log import NOTICE
from falcohost.rules import documents, pace
from falcohost.testing.clock import ManualClock
from falcohost.testing.waiting import wait_until


@pytest.fixture
def messages(caplog):
    """Return a function that returns the messages that are logged."""
    caplog.set_level(NOTICE)
    return lambda: caplog.messages


def run(count, seconds):
    """Compile *count* rules, each of which takes *seconds*."""
    clock = ManualClock()
    done = []
    for item in pace.paced("Compiling rules", range(count), clock):
        clock.advance(seconds)
        done.append(item)
    return done


def test_a_long_loading(messages):
    """Every three seconds there is one message, and no item is lost."""
    assert list(range(10)) == run(10, 1)
    assert [f"Compiling rules: {done} of 10" for done in (3, 6, 9)] == messages()


def test_a_short_loading(messages):
    """Within three seconds nothing is said."""
    assert list(range(10)) == run(10, 0.1)
    assert [] == messages()


def test_a_large_file_is_named_before_it_is_read(messages, load, monkeypatch):
    """Reading has no count of rules yet: the size says why it takes long."""
    monkeypatch.setattr(documents, "LARGE", 100)
    text = "- {rule: R, desc: d, condition: evt.type = open, output: o, priority: INFO}\n"
    load(text)
    load(text + "#" * 100)

    assert ["Reading rules.yaml, which has 0 MiB"] == messages()


def read_all(text, seconds):
    """Return *text* as a parser reads it in four pieces, each of which takes *seconds*."""
    clock = ManualClock()
    paced, found = pace.PacedText("rules\n.yaml", text, clock), []
    while piece := paced.read(-(-len(text) // 4)):
        clock.advance(seconds)
        found.append(piece)
    return "".join(found)


def test_reading_shows_its_share(messages):
    """Nothing of the text is lost, and every three seconds the log has the share."""
    text = "é" * (3 << 20)

    assert text == read_all(text, 2)
    what = "Reading rules\ufffd.yaml, which has 3 MiB"
    assert [what, f"{what}: 50 %", f"{what}: 100 %"] == messages()


def test_work_that_does_not_know_how_far_it_is(messages):
    """Again and again its seconds are logged, until it is done or has failed; work that is done soon says nothing."""
    with pytest.raises(KeyError), pace.showing_seconds("Deciding", 0.01):
        wait_until(lambda: len(messages()) > 2)
        raise KeyError
    shown = list(messages())
    with pace.showing_seconds("Deciding"):
        pass

    assert {"Deciding: 0 s"} >= {re.sub(r"\d+", "0", one) for one in shown}
    assert shown == messages()


def test_on_a_terminal(messages, monkeypatch):
    """On a terminal it is one line, which is erased at the end, and nothing is logged."""
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    run(3, 1)
    read_all("x" * 8, 1)

    *shown, end = terminal.getvalue().split("\r")
    what = "Reading rules\ufffd.yaml, which has 0 MiB"
    assert ["Compiling rules: 1 of 3\x1b[K", "Compiling rules: 2 of 3\x1b[K", f"\x1b[K{what}\x1b[K"] == shown[:3]
    assert (f"{what}: 25 %\x1b[K", "\x1b[K") == (shown[3], end)
    assert [] == messages()
