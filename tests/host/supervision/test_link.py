"""The supervisor's end of the socket to a worker: descriptors arrive with the message that they were sent with."""

import gc
import os
import socket
from pathlib import Path

import pytest

from falcohost.host import wire
from falcohost.host.kept_descriptors import Kept
from falcohost.host.sealed import sealed
from falcohost.host.store_link import StoreLink
from falcohost.host.supervision.link import Link
from falcohost.host.uplink import Uplink
from falcohost.host.worker_data import WorkerData, seal
from falcohost.pipeline.settings import PipelineConfig


@pytest.fixture
def connected():
    """Return the supervisor's end and the worker's, with small buffers."""
    here, there = socket.socketpair()
    for one in (here, there):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with here, there:
        link = Link(here, Kept())
        yield link, Uplink(there, StoreLink(socket.socket()))
        link.close()


def data(source):
    """Return the memfd of a source's worker."""
    pipeline = PipelineConfig()
    return seal(WorkerData(source, False, False, [], [], {}, (), {}, b"", b"", True, pipeline, "host", False, False))


def opened():
    """Return how many descriptors are open."""
    gc.collect()  # what other tests have left
    return len([*Path("/proc/self/fd").iterdir()])


FILLING = wire.Measure(True)


def fill(link):
    """Send messages until the socket takes no more; return how many."""
    count = 0
    while not link.waits_to_send:
        link.send(FILLING)
        count += 1
    return count


def received(link, uplink, count):
    """Return so many messages, with the source in the data that is attached to those with rules."""
    found = []
    while len(found) < count:
        link.send_rest()
        for message in uplink.received():
            rules = isinstance(message, wire.NewRules)
            found.append((message.number, uplink.new_data().source) if rules else message)
    return found


def test_each_descriptor_is_the_one_of_its_message(connected):
    """It makes no difference how much is sent before, between and after, or that the socket takes only parts of it."""
    link, uplink = connected
    memfds = [data("one"), data("two")]
    count = fill(link)
    for number, memfd in enumerate(memfds):
        link.send(wire.NewRules(number), memfd)
        os.close(memfd)
        link.send(FILLING)
    assert link.waits_to_send

    expected = [FILLING] * count + [(0, "one"), FILLING, (1, "two"), FILLING]
    assert expected == received(link, uplink, len(expected))
    assert not link.waits_to_send


def test_nothing_stays_open(connected):
    """What was sent, and what cannot be sent any more, is closed."""
    link, uplink = connected
    before = opened()
    memfd = data("one")
    link.send(wire.NewRules(1), memfd)
    received(link, uplink, 1)
    fill(link)
    link.send(wire.NewRules(2), memfd)
    os.close(memfd)
    link.close()

    assert before == opened()


def test_data_that_is_something_else(connected):
    """A worker says that it cannot read it, and closes it."""
    link, uplink = connected
    before = opened()
    memfd = sealed("test", b"no data of a worker")
    link.send(wire.NewRules(1), memfd)
    os.close(memfd)
    while not uplink.received():
        pass

    with pytest.raises(ValueError, match="Expected `object`"):
        uplink.new_data()
    assert before == opened()
