"""The way from a worker to the supervisor: few messages, and none late."""

import socket

import pytest

from falcohost.host import wire
from falcohost.host.uplink import GATHER, MOST_GATHERED, Uplink
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert


class Link:
    """An uplink, and how many alerts are in each message that has arrived at its other end.

    :ivar numbers: the numbers of the messages that have arrived.
    """

    def __init__(self, clock=None):
        self.clock = clock or ManualClock()
        here, self._there = socket.socketpair()
        self.uplink = Uplink(here, self.clock)
        self._received = wire.FromWorker()
        self.numbers = []

    @property
    def arrived(self):
        """Return the sizes of the messages since the last time."""
        try:
            data = self._there.recv(1 << 20, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        messages = self._received.feed(data)
        self.numbers += [message.number for message in messages]
        return [len(message.alerts) for message in messages]


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


def test_what_waits_until_the_store_has_it(link):
    """It runs when the store has all alerts that were sent before, in order, and at once where there are none."""
    ran = []
    link.uplink.once_stored(lambda: ran.append("nothing was sent"))
    assert ["nothing was sent"] == ran

    for name in ("a", "b"):
        link.uplink.add(alert(name))
        link.uplink.flush(None)
        link.uplink.once_stored(lambda name=name: ran.append(name))
    link.uplink.once_stored(lambda: ran.append("behind b"))
    assert [1, 1] == link.arrived
    assert ["nothing was sent"] == ran
    link.uplink.stored(link.numbers[0])
    assert ["nothing was sent", "a"] == ran
    link.uplink.stored(link.numbers[1])
    assert ["nothing was sent", "a", "b", "behind b"] == ran


def test_an_answer_to_an_earlier_worker(link):
    """The number of a message of an earlier worker is lower than any of this one, and says nothing."""
    earlier, ran = Link(link.clock), []
    earlier.uplink.add(alert("a"))
    earlier.uplink.flush(None)
    assert [1] == earlier.arrived
    link.clock.advance(0.001)
    later = Link(link.clock)
    later.uplink.add(alert("b"))
    later.uplink.flush(None)
    later.uplink.once_stored(lambda: ran.append("b"))
    later.uplink.stored(earlier.numbers[0])

    assert [] == ran
