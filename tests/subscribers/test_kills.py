"""A consumer and an output whose process is killed at any moment: nothing is lost, and no alert is raised twice."""

import itertools
import os
import random
import signal
import time
from pathlib import Path

import msgspec
import pytest

from falcohost import Priority
from falcohost.outputs.file import FileOutput
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.subscriber import Answer, NewAlert, SubscriberSpec
from falcohost.subscribers.consumer import Consumer
from falcohost.subscribers.group import Subscribers
from falcohost.subscribers.runner import Runner
from falcohost.subscribers.taker import ToOutput
from falcohost.testing.forks import Suicide, fork, quick_folder, was_killed
from falcohost.testing.outputs import alert


class Threes:
    """Raises an alert that names each three alerts that followed each other; its state is those it still waits with."""

    def __init__(self, settings, state):
        self._waiting = state.decode().split() if state else []

    def take(self, alerts):
        """Answer."""
        raised = []
        for one in alerts:
            self._waiting.append(one.id)
            if len(self._waiting) == 3:
                text = " ".join(self._waiting)
                raised.append(NewAlert(rule="Three", priority=Priority.NOTICE, message=text))
                self._waiting.clear()
        return Answer(raised, " ".join(self._waiting).encode())

    def close(self):
        """Do nothing."""


SPEC = SubscriberSpec(name="threes", description="Counts to three.", make=Threes)


class Agent:
    """The parts of an agent in *folder*: a store, a source that counts to *until*, an output and a consumer."""

    def __init__(self, folder, maker, until):
        self.folder = folder
        self._maker = maker
        self._until = until

    def run(self, killer=lambda statement: None, begun=None):
        """Run to the end, unless *killer* has it otherwise; writes to the descriptor *begun* when all is open."""
        store = Store(self.folder / "state.db", Limits())
        store._disk.change(lambda connection: connection.set_trace_callback(killer))
        output = FileOutput(str(self.folder / "out"), True, lambda one: one.message.encode())
        consumer = Consumer(SPEC, {}, store.subscribe("threes").state, self._maker)
        runners = [Runner("out", ToOutput(output), store)], [Runner("threes", consumer, store, kind="subscriber")]
        with Subscribers(*runners, store, timeout=60) as subscribers:
            if begun is not None:
                os.write(begun, b".")
            number = int(store.cursor("source") or 0)
            while number < self._until:
                batch = [msgspec.structs.replace(alert(f"{n}"), id=f"{n}") for n in range(number, number + 2)]
                number += 2
                store.append([Arrival("source", batch, str(number), rewinds=True)])
                subscribers.notify()
        store.close()

    def check(self):
        """Return what is stored; what the consumer has raised is there once, in order, and what it waits with fits."""
        store = Store(self.folder / "state.db", Limits())
        found = [one for _, one in store.read(0, 1_000_000)]
        threes = [one.message for one in found if one.rule == "Three"]
        position = store.subscribe("threes")
        store.close()
        assert [f"{n} {n + 1} {n + 2}" for n in range(0, 3 * len(threes), 3)] == threes
        read = [one.id for one in found[: position.mark] if one.rule != "Three"]
        assert read[3 * len(threes) :] == (position.state or b"").decode().split()
        return found

    def check_all(self):
        """Check that all is there, and has come to the output in order, some of it perhaps more than once."""
        found = self.check()
        assert self._until + self._until // 3 == len(found)
        lines = (self.folder / "out").read_text().splitlines()
        assert [one.message for one in found] == list(dict.fromkeys(lines))


@pytest.fixture
def agent(maker):
    """Return a function that makes an agent in a folder of its own."""
    with quick_folder() as all_folders:

        def agent(name, until):
            folder = Path(all_folders, str(name))
            folder.mkdir()
            return Agent(folder, maker, until)

        yield agent


def test_killed_before_any_statement(agent):
    """Killed before whichever statement of the database, what has gone on is as if nothing had happened."""
    for step in itertools.count():
        one = agent(step, 4)
        killed = was_killed(fork(lambda one=one, step=step: one.run(Suicide(step))))

        if killed:
            one.check()
            one.run()
        one.check_all()
        if not killed:
            break
    assert step > 20


def test_killed_from_outside(agent, soak):
    """The same when it is killed again and again at random moments."""
    dice, one = random.Random(7), agent("killed", soak(30_000, 600))
    for _ in range(soak(300, 10)):
        reader, writer = os.pipe()
        child = fork(lambda writer=writer: one.run(begun=writer))
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
        time.sleep(dice.uniform(0, 0.04))
        os.kill(child, signal.SIGKILL)
        was_killed(child)
        one.check()
    one.run()
    one.check_all()
