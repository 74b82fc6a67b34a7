"""A store whose process is killed at any moment: a source that goes on from its cursor loses and doubles nothing."""

import itertools
import os
import random
import signal
import time

import msgspec
import pytest

from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.forks import Suicide, fork, quick_folder, was_killed
from falcohost.testing.outputs import alert


@pytest.fixture
def folder():
    """Return a folder for the store."""
    with quick_folder() as folder:
        yield folder


def write(path, until, killer=None, acknowledged=None):
    """Count on from the cursor of the store in *path*: of five alerts, two come in the first transaction."""
    store = Store(path, Limits())
    if killer is not None:
        store._disk.change(lambda connection: connection.set_trace_callback(killer))
    number = int(store.cursor("source") or 0)
    while number < until:
        batch = [msgspec.structs.replace(alert("a"), id=f"{number + n}") for n in range(5)]
        store.append([Arrival("source", batch[:2], None, True)])
        number += 5
        store.append([Arrival("source", batch[2:], str(number), True)])
        if acknowledged is not None:
            os.write(acknowledged, b".")
    store.close()


def stored(path):
    """Return the ids that are in the store in *path*, in order."""
    store = Store(path, Limits())
    found = [one.id for _, one in store.read(0, 1_000_000)]
    store.close()
    return found


def test_killed_before_any_statement(folder):
    """Killed before whichever statement of the database, it is complete and without doubles when it has gone on."""
    for step in itertools.count():
        path = folder / f"{step}.db"
        killed = was_killed(fork(lambda path=path, step=step: write(path, 5, Suicide(step))))

        assert stored(path) in ([], ["0", "1"], ["0", "1", "2", "3", "4"])
        write(path, 5)
        assert ["0", "1", "2", "3", "4"] == stored(path)
        if not killed:
            break
    assert step > 10


def test_killed_from_outside(folder, soak):
    """Killed again and again at random moments, no acknowledged alert is missing and none is there twice."""
    dice, path, acknowledged = random.Random(5), folder / "state.db", 0
    for _ in range(soak(300, 10)):
        reader, writer = os.pipe()
        child = fork(lambda writer=writer: write(path, 1_000_000, acknowledged=writer))
        os.close(writer)
        os.read(reader, 1)
        time.sleep(dice.uniform(0, 0.01))
        os.kill(child, signal.SIGKILL)
        assert was_killed(child)
        acknowledged += 5 * (1 + len(os.read(reader, 1 << 20)))
        os.close(reader)

        found = stored(path)
        assert [str(number) for number in range(len(found))] == found
        assert len(found) >= acknowledged
