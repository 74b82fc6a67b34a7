"""An agent that is killed again and again, at any moment, and what is in its store in the end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from falcohost.errors import StateError
from falcohost.store.history import History, Wanted
from falcohost.testing.agent import Agent, Json


def kills(usual: int) -> int:
    """Return how often to kill: what the environment variable ``FALCOHOST_KILLS`` says, or *usual*."""
    return int(os.environ.get("FALCOHOST_KILLS", usual))


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
        self.agent.wait_until_ready(120)

    def kill_worker(self) -> None:
        """Kill the worker, if there is one."""
        worker = self.agent.worker()
        if worker is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)

    def kill_all(self) -> None:
        """Kill the supervisor, with which the worker dies, and start it again."""
        self.agent.process.kill()
        self.agent.process.wait()
        self.begin()

    def kill_often(self, times: int, dice: random.Random, *, least: float = 0.05, most: float = 0.6) -> None:
        """Kill worker or supervisor so many *times*, with pauses of *least* to *most* seconds."""
        for turn in range(times):
            time.sleep(dice.uniform(least, most))
            (self.kill_all if turn % 3 == 2 else self.kill_worker)()

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

    def wait_until_stored(self, wanted: Callable[[Counter[str]], bool], seconds: float = 30) -> Counter[str]:
        """Return what is stored once it is as *wanted*, or if nothing more comes for so many *seconds*."""
        found, end = self.stored(), time.monotonic() + seconds
        while not wanted(found) and time.monotonic() < end:
            time.sleep(0.5)
            before, found = found, self.stored()
            if found != before:
                end = time.monotonic() + seconds
        return found
