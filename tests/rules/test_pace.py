"""A long loading says how far it is; a short one says nothing."""

import pytest

from falcohost.log import NOTICE
from falcohost.rules import pace
from falcohost.testing.clock import ManualClock


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
    monkeypatch.setattr(pace, "LARGE", 100)
    text = "- {rule: R, desc: d, condition: evt.type = open, output: o, priority: INFO}\n"
    load(text)
    load(text + "#" * 100)

    assert ["Reading rules.yaml, which has 0 MiB"] == messages()
