"""What the service manager is told, and by whom it is believed to be asked."""

import os
import socket
from pathlib import Path

import pytest

from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.notify import MOST_STATUS, Notify, from_environment
from falcohost.testing.clock import ManualClock


@pytest.fixture
def manager(tmp_path):
    """Return the socket of a service manager, which is bound to a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(tmp_path / "notify"))
        link.setblocking(False)
        yield link


def heard(manager):
    """Return the messages that have arrived."""
    found = []
    while True:
        try:
            found.append(manager.recv(4096).decode())
        except BlockingIOError:
            return found


@pytest.fixture
def notify(manager):
    """Return what tells this manager."""
    return Notify(manager.getsockname(), 20.0)


def test_a_run(manager, notify):
    """The states of a run are told; a reload that ends before the agent is ready does not make it ready."""
    notify.reloading()
    notify.reloaded()
    notify.ready()
    notify.reloading()
    notify.reloaded()
    notify.ending(restarts=False)
    told = [text.split("\n")[0] for text in heard(manager)]

    assert ["RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1", "STATUS=ending"] == told


def test_a_reload_has_its_time(manager, notify):
    """Systemd wants to know when it began."""
    notify.reloading()
    (told,) = heard(manager)

    assert told.partition("MONOTONIC_USEC=")[2].isdecimal()


def test_the_status_is_one_assignment(manager, notify):
    """It is told when it has changed; no name in it can add another assignment, and it is short."""
    for text in ("first", "first", "a\nREADY=1", "long " * 1000):
        notify.status(text)
    told = heard(manager)

    assert ["STATUS=first", "STATUS=a\N{REPLACEMENT CHARACTER}READY=1"] == told[:2]
    assert len("STATUS=") + MOST_STATUS == len(told[2])


def test_the_watchdog_is_fed_as_long_as_the_loop_turns(manager, notify):
    """Twice in its time."""
    clock = ManualClock()
    loop = Loop(clock)
    notify.keep_alive(loop)
    for _ in range(4):
        clock.advance(5)
        loop.turn(0)

    assert ["WATCHDOG=1"] * 3 == heard(manager)


def test_descriptors_are_sent(manager, notify):
    """Duplicates of them arrive."""
    with Path(os.devnull).open("rb") as file:
        assert notify.tell("FDSTORE=1", descriptors=[file.fileno()])
    data, descriptors, _, _ = socket.recv_fds(manager, 100, 1)

    assert b"FDSTORE=1" == data
    assert os.devnull == str(Path(f"/proc/self/fd/{descriptors[0]}").readlink())
    os.close(descriptors[0])


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "@nobody listens", "no path", "x" * 200])
def test_nobody_to_tell(address):
    """Without a manager nothing is told, and nothing fails."""
    notify = Notify(address, 1.0)
    notify.ready()

    assert not notify.tell("READY=1")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "-1"}, 0.0),
        ({"WATCHDOG_USEC": "9" * 30}, 0.0),
        ({"WATCHDOG_USEC": "\N{SUPERSCRIPT TWO}"}, 0.0),
    ],
)
def test_the_limit_is_that_of_this_process(variables, expected):
    """A limit for another process, or one that is no number, is none."""
    assert expected == from_environment(variables).watchdog
