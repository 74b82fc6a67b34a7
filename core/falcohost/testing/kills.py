"""An agent that is killed again and again, at any moment, and what is in its store in the end."""

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

from falcohost.errors import StateError
from falcohost.store.history import History, Wanted
from falcohost.testing.agent import Agent, Json
from falcohost.testing.waiting import wait_until

#: How often an agent is killed: with ``--soak``, and without, which are four rounds of :func:`kill_often`.
KILLS = 300, 12

#: The golden ratio: its multiples modulo 1 are spread evenly, however many there are.
_GOLDEN = 0.6180339887


class Mortal(Protocol):
    """What has an agent, and can begin another one where it was."""

    @property
    def agent(self) -> Agent:
        """Return the agent that runs."""

    def begin(self) -> None:
        """Start an agent and wait until its source is open."""


def kill_often(mortal: Mortal, times: int, dice: random.Random, *, most: float = 0.4) -> None:
    """Kill so many *times*: in turn all workers, the next workers, and the supervisor, with which its workers die.

    The moments are spread evenly over *most* seconds from when there is a worker; so some are before its source is
    open, and some when it has read all that there is.
    """
    first = dice.random()
    for turn in range(times):
        wait_until(mortal.agent.worker, lambda: mortal.agent.log)
        time.sleep(most * ((first + turn * _GOLDEN) % 1))
        (kill_all if turn % 3 == 2 else kill_workers)(mortal)


def kill_workers(mortal: Mortal) -> None:
    """Kill the workers that there are."""
    for worker in mortal.agent.workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def kill_all(mortal: Mortal) -> None:
    """Kill the supervisor, with which the worker dies, and begin again."""
    mortal.agent.process.kill()
    mortal.agent.process.wait()
    mortal.begin()


class Killed:
    """An agent in *folder* with *rules* files and *settings*, that can be killed and begun again there.

    :ivar agent: the one that runs.
    """

    def __init__(self, folder: Path, rules: Sequence[Path], settings: Json) -> None:
        self._folder, self._rules, self._settings = folder, rules, settings
        self.begin()

    def begin(self) -> None:
        """Start it and wait until its source is open."""
        self.agent = Agent(self._folder, self._rules, settings=self._settings)
        self.agent.wait_until_ready()

    def stored(self) -> Counter[str]:
        """Return how often each alert's message is in the store."""
        try:
            history = History(self._folder / "state")
        except StateError:
            return Counter()
        try:
            return Counter(alert.message for alert in history.alerts(Wanted()))
        finally:
            history.close()

    def wait_until_stored(self, expected: Counter[str]) -> None:
        """Return when all that is *expected* is stored."""
        wait_until(lambda: not expected - self.stored(), lambda: f"missing {sorted(expected - self.stored())[:20]}")
