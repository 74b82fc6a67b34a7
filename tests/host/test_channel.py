"""Channels between processes: messages with descriptors, and those that nobody wants."""

import gc
import os
import socket
from pathlib import Path

from falcohost.host import wire
from falcohost.host.channel import Channel
from falcohost.host.delivering import messages
from falcohost.host.descriptors import send_with


def opened():
    """Return how many descriptors are open, besides those of objects that nobody has any more."""
    gc.collect()
    return len([*Path("/proc/self/fd").iterdir()])


def test_a_socket_comes_with_its_message():
    """What is attached is there when its message is read; what nobody takes is closed."""
    here, there = socket.socketpair()
    one, other = Channel(here, messages.FromSupervisor, attached=True), Channel(there, messages.ToSupervisor)
    with socket.socket() as sent:
        other.send(wire.NewStore(), sent.fileno())
        other.send(wire.NewStore(), sent.fileno())
    found = []
    while len(found) < 2:
        found += one.read()
    before = opened()
    one.take_socket().close()
    one.close()
    other.close()

    assert before - 4 == opened()


def test_descriptors_that_nobody_expects_are_closed():
    """A process cannot fill another's table of descriptors."""
    here, there = socket.socketpair()
    one = Channel(here, messages.ToSupervisor)
    before = opened()
    for _ in range(10):
        send_with(there, wire.packed(messages.Opened()), [0, 1, 2])
        assert [messages.Opened()] == one.read()

    assert before == opened()
    assert not one.attached
    one.close()
    there.close()


def test_the_other_end_is_gone():
    """What is sent to nobody is forgotten."""
    here, there = socket.socketpair()
    one = Channel(here, messages.ToSupervisor)
    os.close(there.detach())
    one.send(messages.Reopen())

    assert not one.waits_to_send
    assert [] == one.read()
    assert one.closed
    one.close()
