"""Orders of commands at the store process: who may give them, what is refused, and who has to leave."""

import json
import os
import socket

import pytest

from falcohost.host.connection import GREETING, LONGEST_ORDER
from falcohost.host.storing.desk import MOST_CLIENTS, Desk
from falcohost.host.supervision.loop import Loop
from falcohost.store.arrival import Arrival
from falcohost.testing.clock import ManualClock
from falcohost.testing.outputs import alert

ORDER = {"type": "GiveVerdict", "alert": "id of a", "verdict": "false"}


class Counter:
    """A desk and its clients, over real sockets."""

    def __init__(self, store, users):
        self.loop = Loop(ManualClock())
        self.desk = Desk(self.loop, store, users)

    def client(self):
        """Return a client's end."""
        here, there = socket.socketpair()
        here.settimeout(60)
        self.desk.attach(there)
        return here

    def give(self, line):
        """Send *line* and return the answer, None if there is none."""
        with self.client() as client:
            client.sendall(line)
            self.loop.turn(0)
            said = client.recv(1 << 16)
            while not said.endswith(b"}\n") and (more := client.recv(1 << 16)):
                said += more
        assert said.startswith(GREETING)
        return json.loads(said.removeprefix(GREETING)) if said != GREETING else None


@pytest.fixture
def counter(store):
    """Return a desk that takes orders of this user; the store has one alert."""
    store.append([Arrival("source", [alert("a")])])
    return Counter(store, {os.getuid()})


def test_order(counter, store):
    """An order is carried out; what is not one, or is about nothing, is refused, and the next one is heard."""
    name = store.read(0, 1)[0][1].id

    assert {"number": 1, "problem": ""} == counter.give(json.dumps({**ORDER, "alert": name}).encode() + b"\n")
    assert "no alert has the id" in counter.give(json.dumps({**ORDER, "alert": "none"}).encode() + b"\n")["problem"]
    for odd in (b"{}\n", b"\xff\n", b"[" * 5000 + b"\n", json.dumps({**ORDER, "verdict": "odd"}).encode() + b"\n"):
        assert "different version" in counter.give(odd)["problem"]
    assert {"number": 1, "problem": ""} == counter.give(json.dumps({**ORDER, "alert": name}).encode() + b"\n")


def test_others_may_not(store):
    """The kernel says who the client is; another user changes nothing."""
    store.append([Arrival("source", [alert("a")])])
    done = Counter(store, {os.getuid() + 1}).give(json.dumps(ORDER).encode() + b"\n")

    assert "only root, and the user who has started falcohost" in done["problem"]


def test_who_says_too_much_or_nothing(counter):
    """A client that sends no end of a line has to leave, and so does the oldest of too many."""
    with counter.client() as client:
        client.setblocking(False)
        sent = 0
        while sent <= LONGEST_ORDER:
            sent += client.send(b"x" * 4096)
            counter.loop.turn(0)
        client.setblocking(True)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while client.recv(1 << 16):
                pass
            client.send(b"x")
            client.send(b"x")
    silent = [counter.client() for _ in range(MOST_CLIENTS + 1)]
    counter.loop.turn(0)
    assert [GREETING, b""] == [silent[0].recv(100), silent[0].recv(100)]
    silent[1].setblocking(False)
    assert GREETING == silent[1].recv(100)
    with pytest.raises(BlockingIOError):
        silent[1].recv(100)
    counter.desk.close()
    for client in silent:
        client.close()
