"""Kills an agent again and again, at any moment, and reads its store at the end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from falcohost.engine.alerts import INTERNAL
from falcohost.errors import StateError
from falcohost.host.delivering.process import NAME as OUTPUTS
from falcohost.host.storing.process import NAME as STORE
from falcohost.store.history import History, Wanted
from falcohost.testing.agent import Agent, Json
from falcohost.testing.waiting import wait_until

#: How often an agent is killed: with ``--soak``, and without (three rounds of :func:`kill_often`).
KILLS = 300, 9

#: The golden ratio: any number of its multiples is spread evenly modulo 1.
_GOLDEN = 0.6180339887


class Mortal(Protocol):
    """Has an agent, and can start another one in its place."""

    @property
    def agent(self) -> Agent:
        """Return the running agent."""

    def begin(self) -> None:
        """Start an agent and wait until its source is open."""


def kill_often(mortal: Mortal, times: int, dice: random.Random, *, most: float = 0.4) -> None:
    """Kill this many *times*: in turn all workers, the store with the outputs, and the supervisor, with which all die.

    The moments are spread evenly over *most* seconds from the start of a worker; so some come before its source is
    open, and some after it has read everything.
    """
    first = dice.random()
    for turn in range(times):
        wait_until(mortal.agent.worker, lambda: mortal.agent.log)
        time.sleep(most * ((first + turn * _GOLDEN) % 1))
        (kill_workers, kill_services, kill_all)[turn % 3](mortal)


def kill_workers(mortal: Mortal) -> None:
    """Kill the current workers."""
    for worker in mortal.agent.workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def kill_services(mortal: Mortal) -> None:
    """Kill the store and the outputs, and wait until others have taken their places."""
    former = {name: mortal.agent.service(name) for name in (STORE, OUTPUTS)}
    for killed in filter(None, former.values()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(killed, signal.SIGKILL)
    wait_until(
        lambda: all(mortal.agent.service(name) not in (None, pid) for name, pid in former.items()),
        lambda: mortal.agent.log,
    )


def kill_all(mortal: Mortal) -> None:
    """Kill the supervisor, with which the workers die, and start again."""
    mortal.agent.process.kill()
    mortal.agent.process.wait()
    mortal.begin()


class Killed:
    """An agent in *folder* with *rules* files and *settings*, that can be killed and restarted there.

    :ivar agent: the running agent.
    """

    def __init__(self, folder: Path, rules: Sequence[Path], settings: Json) -> None:
        self._folder, self._rules, self._settings = folder, rules, settings
        self.begin()

    def begin(self) -> None:
        """Start an agent, and wait until its source is open."""
        self.agent = Agent(self._folder, self._rules, settings=self._settings)
        self.agent.wait_until_ready()

    def stored(self) -> Counter[str]:
        """Return how often each message of a source's alert is in the store."""
        try:
            history = History(self._folder / "state")
        except StateError:
            return Counter()
        try:
            return Counter(alert.message for alert in history.alerts(Wanted()) if alert.source != INTERNAL)
        finally:
            history.close()

    def wait_until_stored(self, expected: Counter[str]) -> None:
        """Wait until all *expected* messages are stored."""
        wait_until(lambda: not expected - self.stored(), lambda: f"missing {sorted(expected - self.stored())[:20]}")
