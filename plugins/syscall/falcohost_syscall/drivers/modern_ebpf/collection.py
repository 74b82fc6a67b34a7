"""Applies what the rules ask for to the probe, as calls, filters and options."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from itertools import chain

from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf import sentinel, wanted
from falcohost_syscall.drivers.modern_ebpf.asked import Asked
from falcohost_syscall.drivers.modern_ebpf.config import Config
from falcohost_syscall.drivers.modern_ebpf.filters import load
from falcohost_syscall.drivers.modern_ebpf.making import load_apart
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.facts.folders import has_folders, last_names
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.watched.files import WatchedFiles

_log = logging.getLogger("falcohost")


class Collection:
    """Sets what a loaded probe collects.

    :ivar options: what it sends besides calls.
    :ivar weaker: number of groups of event types whose filter was weakened.
    :ivar watched: the files that are watched by inode.
    :ivar expected: the sentinel.
    :ivar apart: a fork compiles filters.
    """

    def __init__(
        self, config: Config, probe: Probe, options: Options, watched: WatchedFiles, agent: int | None = None
    ) -> None:
        """Set what *probe* collects; *agent*: the process whose sentinels it collects."""
        self.options = options
        self.weaker = 0
        self.watched = watched
        self.expected = sentinel.NOTHING
        self.apart = False
        self._agent = agent
        self._config = config
        self._probe = probe

    def update(self, asked: Asked) -> None:
        """Collect what is *asked* for. Calls that were collected before stay collected."""
        config, probe, types = self._config, self._probe, frozenset(asked.types)
        hooks = wanted.hooks(types) & probe.hooks
        only_successful = config.only_successful
        conditions = dict(asked.conditions)
        calls = wanted.calls(
            types, needed=conditions, only_successful=only_successful, hooks=hooks, present=asked.present
        )
        self.expected = expected = sentinel.expected(types, self._agent)
        if expected.call is not None:
            conditions[expected.call] = sentinel.condition(expected)
            calls |= sentinel.calls(expected)
        probe.prepare(calls)
        self._set_filters(conditions)
        self.watched.watch(map(os.fsdecode, asked.watched))
        self._set_options(asked.options._replace(measure=self.options.measure))
        probe.set_calls(
            calls,
            wanted.requests(types, needed=asked.conditions, only_successful=only_successful, hooks=hooks),
            traced=wanted.returning_twice(types, needed=asked.conditions),
            passing=hooks,
            entered=wanted.entered(types),
            moments=wanted.moments(types, needed=asked.conditions, present=asked.present),
        )

    def measure(self, on: bool) -> None:
        """Switch measuring of the cost of events in the kernel on or off."""
        self._set_options(self.options._replace(measure=on))

    def _set_options(self, options: Options) -> None:
        if options != self.options:
            self._probe.set_options(options)
            self.options = options

    def _set_filters(self, needed: Mapping[str, Condition]) -> None:
        """Filter events by the conditions *needed*; what also was needed before is never filtered out meanwhile."""
        weaker: dict[str, None] = {}
        opens = {condition for name, condition in needed.items() if has_folders(BY_NAME[name])}
        self._probe.set_last_names(chain.from_iterable(map(last_names, opens)))
        for place in self._probe.places:
            processes = self._config.process_context and place is self._probe
            filters = (load_apart if self.apart else load)(needed, place, processes=processes)
            place.set_filters(filters.programs)
            filters.close()
            weaker |= dict.fromkeys(filters.weaker)
        self._probe.forget_folders()
        self.weaker = len(weaker)
        for sentence in weaker:
            _log.warning("%s", sentence)
