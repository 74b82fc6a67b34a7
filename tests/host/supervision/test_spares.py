"""Processes that are forked ahead: each becomes what it is told, with the descriptors that it is given only."""

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from falcohost.host.confine.users import WorkerUsers
from falcohost.host.supervision.spares import Spares
from falcohost.readable import readable

USERS = WorkerUsers(61184, 61185, None, 61187)


def become(data, link, store, parent, kept, held, users, counts, ahead):
    """Tell over *link* what this process was given."""
    descriptors = {"data": [data], "store": [store.fileno()], "counts": [counts] if counts else []}
    descriptors |= {"ahead": [ahead] if ahead else [], **kept, **held}
    told = {
        "files": {
            name: [Path(f"/proc/self/fd/{one}").readlink().name for one in those] for name, those in descriptors.items()
        },
        "parent": parent == os.getppid(),
        "users": [*users],
    }
    link.sendall(json.dumps(told).encode() + b"\n")
    os._exit(0)


def _file(descriptor):
    return Path(f"/proc/self/fd/{descriptor}").readlink().name


@pytest.fixture
def spares():
    """Return a function that forks processes that wait."""
    made = []

    def spares(count):
        made.append(Spares(count, become))
        made[-1].fork()
        return made[-1]

    yield spares
    for one in made:
        one.__exit__()


@pytest.fixture
def files(tmp_path):
    """Return a function that opens so many files, and returns their descriptors."""
    opened = []

    def files(name, count):
        found = [os.open(tmp_path / f"{name}{number}", os.O_RDWR | os.O_CREAT) for number in range(count)]
        opened.extend(found)
        return found

    yield files
    for one in opened:
        os.close(one)


def told(process):
    """Return what a process tells of itself, and wait until it has ended."""
    with process.link.makefile() as lines:
        found = json.loads(lines.readline())
    assert readable([process.ended], 60)
    assert "ended with status 0" == process.reap()
    return found


def waiting(spares):
    """Return the pids of the processes that wait."""
    return [process.pid for process, _ in spares._waiting]


def is_there(pid):
    """Return whether a child exists, alive or not reaped."""
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("count", [0, 3, 240])
def test_an_order(spares, files, tmp_path, count):
    """A process gets its descriptors by name, however many, and whose process it is."""
    foreseen = spares(1)
    (data,), (memory,), (early,) = (files(name, 1) for name in ("data", "memory", "early"))
    store = socket.socketpair()
    kept, held = {"probe": files("probe", count), "ports": files("port", 2)}, {"links": files("link", count)}
    pid = waiting(foreseen)[0]
    process = foreseen.take(data, store[0].fileno(), kept, held, USERS, memory, early)
    found = told(process)

    assert pid == process.pid
    assert {"users": [*USERS], "parent": True} == {name: found[name] for name in ("users", "parent")}
    there = found["files"]
    assert there.pop("store")[0].startswith("socket:")
    assert {
        "data": ["data0"],
        "counts": ["memory0"],
        "ahead": ["early0"],
        "ports": ["port0", "port1"],
        "probe": [f"probe{number}" for number in range(count)],
        "links": [f"link{number}" for number in range(count)],
    } == there
    assert None is foreseen.take(data, store[0].fileno(), {}, {}, USERS, None, None)
    for one in store:
        one.close()


def test_without_memory_for_counts(spares, files):
    """What there is none of, the process does not get."""
    (data,), store = files("data", 1), socket.socketpair()

    found = told(spares(1).take(data, store[0].fileno(), {}, {}, WorkerUsers(), None, None))["files"]

    assert ([], []) == (found["counts"], found["ahead"])
    for one in store:
        one.close()


def test_one_that_was_ended(spares, files):
    """In place of a process that somebody has ended the next one is taken; the former is reaped."""
    foreseen, (data,), store = spares(2), files("data", 1), socket.socketpair()
    first, second = waiting(foreseen)
    os.kill(first, signal.SIGKILL)
    assert readable([foreseen._waiting[0][0].ended], 60)
    process = foreseen.take(data, store[0].fileno(), {}, {}, USERS, None, None)

    assert second == process.pid
    assert not is_there(first)
    told(process)
    for one in store:
        one.close()


def test_descriptors_of_others(spares, files):
    """A process that waits has none of the descriptors that it was forked with."""
    secret = files("secret", 1)
    (pid,) = waiting(spares(1))

    def others():
        return [one for one in Path(f"/proc/{pid}/fd").iterdir() if one.readlink().name == "secret0"]

    for _ in range(6000):
        if not others():
            break
        time.sleep(0.01)
    assert [] == others()
    assert secret


def test_the_end(spares):
    """Processes that nobody has needed end with the run."""
    foreseen = spares(2)
    pids = waiting(foreseen)
    foreseen.__exit__()

    assert [] == [pid for pid in pids if is_there(pid)]
