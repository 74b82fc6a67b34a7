"""A source, its rules and the store in the test's process: what is stored, acknowledged and read again."""

import socket
import threading
from types import SimpleNamespace

import pytest

from falcohost import Batch, SourceError, SourceSpec, SourceStats, hookimpl
from falcohost.testing.pipeline import Pipeline
from falcohost.testing.ports import Port
from falcohost.testing.waiting import wait_until

RULES = """
- rule: Even
  desc: d
  condition: evt.num in (2, 4, 6)
  output: '%evt.num'
  priority: INFO
  source: numbers
"""


class Numbers:
    """Counts from 1, two numbers a batch, to *last*; *failing* raises at the end instead of ending."""

    def __init__(self, last, failing):
        self.last, self.failing, self.acked, self.on_batch = last, failing, [], lambda number: None

    def open(self, plan, cursor):
        """Go on after the number that *cursor* says."""
        self.number = int(cursor or 0)

    def batches(self):
        """Yield the batches."""
        while self.number < self.last:
            numbers = range(self.number + 1, self.number + 3)
            self.number += 2
            self.on_batch(self.number)
            events = [SimpleNamespace(type="number", ts=n, num=n, key=str(n)) for n in numbers]
            yield Batch(events, str(self.number))
        if self.failing:
            raise SourceError("the numbers are used up")

    def ack(self, cursor):
        """Take note of *cursor*."""
        self.acked.append(cursor)

    def update(self, plan):
        """Do nothing."""

    def stats(self):
        """Return nothing."""
        return SourceStats()

    def close(self):
        """Do nothing."""


@pytest.fixture
def numbers(tmp_path):
    """Return a function that counts in a pipeline; it returns the pipeline, and the source that is read first."""

    def numbers(last, *, failing=False, on_batch=lambda number: None):
        sources = [Numbers(last, failing) for _ in range(2)]
        sources[0].on_batch = on_batch
        made = iter(sources)
        spec = SourceSpec(name="numbers", description="Numbers.", make=lambda settings: next(made))
        plugin = SimpleNamespace(falcohost_sources=hookimpl(lambda settings: [spec]))
        (tmp_path / "rules.yaml").write_text(RULES)
        return Pipeline(plugin, [tmp_path / "rules.yaml"], {}, tmp_path / "state"), sources

    return numbers


def test_to_the_end(numbers):
    """Matches are stored, each batch is acknowledged, and a source that has ended is read again from the start."""
    pipeline, sources = numbers(6)
    pipeline.wait()

    assert (["2", "4", "6"], ["2", "4", "6"]) == (pipeline.messages, sources[0].acked)
    pipeline.begin()
    pipeline.wait()
    assert ["2", "4", "6"] * 2 == pipeline.messages


def test_killed(numbers):
    """After a kill nothing is stored or acknowledged; what begins then goes on after what was stored."""
    reached, pipelines = threading.Event(), []

    def on_batch(number):
        if number == 4:
            reached.set()
            wait_until(lambda: pipelines and pipelines[0].over.is_set())

    pipeline, (killed, again) = numbers(6, on_batch=on_batch)
    pipelines.append(pipeline)
    reached.wait()
    pipeline.kill()

    assert (["2"], ["2"]) == (pipeline.messages, killed.acked)
    pipeline.begin()
    pipeline.wait()
    assert (["2", "4", "6"], ["4", "6"]) == (pipeline.messages, again.acked)


def test_failure(numbers):
    """An error in the source fails the test that waits for it."""
    pipeline, _ = numbers(2, failing=True)

    with pytest.raises(SourceError, match="the numbers are used up"):
        pipeline.wait()


def test_port():
    """A port that is held refuses who connects, is nobody else's, and can be listened on."""
    port = Port()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port.number))
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", port.number))
    with socket.create_server(("127.0.0.1", port.number)):
        socket.create_connection(("127.0.0.1", port.number)).close()
    port.close()
