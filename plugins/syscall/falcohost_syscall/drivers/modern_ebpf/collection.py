"""Applies the rules' plan to the probe, as calls, filters and options."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from falcohost import Plan
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.drivers.modern_ebpf import wanted
from falcohost_syscall.drivers.modern_ebpf.config import Config
from falcohost_syscall.drivers.modern_ebpf.filters import load
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.plan import conditions
from falcohost_syscall.watched.files import WatchedFiles
from falcohost_syscall.watched.paths import watched_paths

_log = logging.getLogger("falcohost")


class Collection:
    """Sets what a loaded probe collects.

    :ivar options: what it sends besides calls.
    :ivar weaker: number of groups of event types whose filter was weakened.
    :ivar watched: the files that are watched by inode.
    """

    def __init__(self, config: Config, probe: Probe, options: Options, watched: WatchedFiles) -> None:
        self.options = options
        self.weaker = 0
        self.watched = watched
        self._config = config
        self._probe = probe

    def update(self, plan: Plan, users: Users) -> frozenset[str]:
        """Collect what *plan* asks for; return its event types. Calls that were collected before stay collected."""
        config, probe = self._config, self._probe
        every, only_successful = not config.process_context, config.only_successful
        needed = conditions(plan, users, all_processes=every) if config.pushdown else {}
        collected = wanted.collected(plan, needed, all_processes=every)
        hooks = wanted.hooks(collected) & probe.hooks
        calls = wanted.calls(collected, needed=needed, only_successful=only_successful, hooks=hooks)
        probe.prepare(calls)
        self._set_filters({name: condition for name, condition in needed.items() if name in collected})
        options = wanted.options(plan, needed, all_processes=every)
        self._set_options(
            options._replace(watched=self._watch(plan), measure=self.options.measure, requested=not config.all_names)
        )
        probe.set_calls(
            calls,
            wanted.requests(collected, needed=needed, only_successful=only_successful, hooks=hooks),
            traced=wanted.returning_twice(collected, needed=needed),
            passing=hooks,
            entered=wanted.entered(collected),
        )
        return event_types(plan)

    def measure(self, on: bool) -> None:
        """Switch measuring of the cost of events in the kernel on or off."""
        self._set_options(self.options._replace(measure=on))

    def _watch(self, plan: Plan) -> bool:
        """Watch the files that the setting selects; return whether there are any."""
        paths = watched_paths(self._config.watched, plan) if self._config.all_names else frozenset()
        self.watched.watch(paths)
        return bool(paths)

    def _set_options(self, options: Options) -> None:
        if options != self.options:
            self._probe.set_options(options)
            self.options = options

    def _set_filters(self, needed: Mapping[str, Condition]) -> None:
        """Filter events by the conditions *needed*; what also was needed before is never filtered out meanwhile."""
        weaker: dict[str, None] = {}
        for place in self._probe.places:
            filters = load(needed, place, processes=self._config.process_context and place is self._probe)
            place.set_filters(filters.programs)
            filters.close()
            weaker |= dict.fromkeys(filters.weaker)
        self.weaker = len(weaker)
        for sentence in weaker:
            _log.warning("%s", sentence)
