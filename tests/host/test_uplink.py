"""The way from a worker to the supervisor: few messages, and none late."""

import socket

import pytest

from falcohost.host import wire
from falcohost.host.uplink import GATHER, MOST_GATHERED, Uplink
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert


class Link:
    """An uplink, and how many alerts are in each message that has arrived at its other end."""

    def __init__(self):
        self.clock = ManualClock()
        here, self._there = socket.socketpair()
        self.uplink = Uplink(here, self.clock)
        self._received = wire.FromWorker()

    @property
    def arrived(self):
        """Return the sizes of the messages since the last time."""
        try:
            data = self._there.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        return [len(message.alerts) for message in self._received.feed(data)]


@pytest.fixture
def link():
    """Return a link."""
    return Link()


def test_a_batch_is_one_message(link):
    """Alerts of one batch leave together when it ends, the first as well."""
    for number in range(5):
        link.uplink.add(alert(str(number)))
    assert [] == link.arrived

    link.uplink.flush(None)
    assert [5] == link.arrived


def test_none_waits_long_for_the_end_of_its_batch(link):
    """In a batch that takes its time alerts leave when the first of them has waited, and when they are many."""
    link.uplink.add(alert("a"))
    link.clock.advance(1.1 * GATHER)
    link.uplink.add(alert("b"))
    link.uplink.add(alert("c"))
    assert [2] == link.arrived

    for number in range(MOST_GATHERED):
        link.uplink.add(alert(str(number)))
    assert [MOST_GATHERED] == link.arrived
    link.uplink.flush(None)
    assert [1] == link.arrived
