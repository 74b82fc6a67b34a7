"""Applies what the rules ask for to the probe, as calls, filters and options."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from falcohost_syscall.drivers.modern_ebpf import sentinel
from falcohost_syscall.drivers.modern_ebpf.config import Config
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.records.record import CallSpec
from falcohost_syscall.watched.files import WatchedFiles

_log = logging.getLogger("falcohost")


class Made(NamedTuple):
    """What the probe is told when its filters are set.

    :ivar weaker: a sentence for each group of event types whose filter was weakened.
    :ivar watched: the files to watch by inode.
    :ivar options: what it sends besides calls.
    :ivar expected: the sentinel.

    The others are the arguments of :meth:`.Probe.set_calls`.
    """

    weaker: list[str]
    watched: list[bytes]
    options: Options
    expected: sentinel.Expected
    calls: dict[int, CallSpec]
    requests: dict[int, CallSpec]
    traced: frozenset[int]
    passing: frozenset[str]
    entered: frozenset[str]
    moments: dict[int, CallSpec]


#: Sets the filters of what is asked for in the probe, for the sentinels of a process; returns what is to be set then.
Make: TypeAlias = Callable[[bytes, Config, int | None, Probe], Made]


def make_here(asked: bytes, config: Config, agent: int | None, probe: Probe) -> Made:
    """Do so in this process, which has everything in memory from then on that this takes."""
    from falcohost_syscall.drivers.modern_ebpf.making import make

    return make(asked, config, agent, probe)


class Collection:
    """Sets what a loaded probe collects.

    :ivar options: what it sends besides calls.
    :ivar weaker: number of groups of event types whose filter was weakened.
    :ivar watched: the files that are watched by inode.
    :ivar expected: the sentinel.
    """

    def __init__(
        self,
        config: Config,
        probe: Probe,
        options: Options,
        watched: WatchedFiles,
        agent: int | None = None,
        make: Make = make_here,
    ) -> None:
        """Set what *probe* collects; *agent*: the process whose sentinels it collects; *make*: makes filters."""
        self.options = options
        self.weaker = 0
        self.watched = watched
        self.expected = sentinel.NOTHING
        self._agent = agent
        self._config = config
        self._probe = probe
        self._make = make

    def update(self, asked: bytes) -> None:
        """Collect what is *asked* for (:func:`.asked.ask`). Calls that were collected before stay collected."""
        made = self._make(asked, self._config, self._agent, self._probe)
        self.weaker, self.expected = len(made.weaker), made.expected
        for sentence in made.weaker:
            _log.warning("%s", sentence)
        self.watched.watch(map(os.fsdecode, made.watched))
        self._set_options(made.options._replace(measure=self.options.measure))
        self._probe.set_calls(
            made.calls,
            made.requests,
            traced=made.traced,
            passing=made.passing,
            entered=made.entered,
            moments=made.moments,
        )

    def measure(self, on: bool) -> None:
        """Switch measuring of the cost of events in the kernel on or off."""
        self._set_options(self.options._replace(measure=on))

    def _set_options(self, options: Options) -> None:
        if options != self.options:
            self._probe.set_options(options)
            self.options = options
