"""Applies what the rules ask for to the probe, as calls, filters and options."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from msgspec.structs import replace

from falcohost_syscall.calls.rows import BY_NAME, CALLS
from falcohost_syscall.drivers.modern_ebpf import sentinel, wanted
from falcohost_syscall.drivers.modern_ebpf.asked import Asked, Compiled
from falcohost_syscall.drivers.modern_ebpf.at_first import Parted, parted
from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.drivers.modern_ebpf.config import Config
from falcohost_syscall.drivers.modern_ebpf.filters import OF_CALLS_MAP, Filters, load
from falcohost_syscall.drivers.modern_ebpf.making import Later, load_apart, make_written
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.drivers.modern_ebpf.probe import Probe
from falcohost_syscall.drivers.modern_ebpf.written import Written
from falcohost_syscall.facts.folders import has_folders, last_names
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.pushdown.joint import own
from falcohost_syscall.records.record import MAX_CALLS, CallSpec
from falcohost_syscall.watched.files import WatchedFiles

_log = logging.getLogger("falcohost")


class Collection:
    """Sets what a loaded probe collects.

    :ivar options: what it sends besides calls.
    :ivar weaker: number of groups of event types whose filter was weakened.
    :ivar watched: the files that are watched by inode.
    :ivar expected: the sentinel.
    :ivar apart: forks compile filters, some of them until after :meth:`update` (:meth:`go_on`).
    :ivar compiled: returns what of these is compiled already.
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
        self.compiled: Callable[[], Compiled] = Compiled
        self._agent = agent
        self._config = config
        self._probe = probe
        self._later: list[Later] = []
        self._weaker: dict[str, None] = {}

    def update(self, asked: Asked) -> None:
        """Collect what is *asked* for. Calls that were collected before stay collected."""
        self._end_later()
        now, later = parted(asked.filtered) if self.apart else Parted(asked.filtered, {})
        first = {name: own(condition, name) for name, condition in now.items()}
        self._collect(replace(asked, conditions=first) if later else asked, now, self.compiled().first)
        if later and not self._begin_later(later):
            self._collect(asked, asked.filtered)

    @property
    def waits(self) -> bool:
        """Whether some events are not filtered yet: :meth:`go_on` is to be called until they are."""
        return bool(self._later)

    def go_on(self, seconds: float, asked: Callable[[], Asked]) -> None:
        """Spend so many *seconds* on the filters that are not there yet, and use them when they are.

        :param asked: returns what was asked for.
        """
        try:
            found = [later.go_on(seconds) for later in self._later]
        except (EOFError, OSError):  # a fork has ended early
            self.update(asked())
            return
        if None in found:
            self._add_made()
            return
        wanted = asked()
        self._set_last_names(wanted.filtered)
        for place, filters in zip(self._probe.places, found, strict=True):
            if filters is not None:
                place.add_filters(filters.programs)
                self._tell(filters.weaker)
        self._end_later()
        self._probe.forget_folders()
        self._set_calls(wanted)

    def _add_made(self) -> None:
        """Use those of the filters that are there, each by itself: until then all calls of its type fill the ring.

        Those of opens wait for the others, since folders are judged by them.
        """
        for place, later in zip(self._probe.places, self._later, strict=True):
            place.add_filters({where: made for where, made in later.made().items() if _is_of_its_own(*where)})

    def close(self) -> None:
        """End what compiles filters."""
        self._end_later()

    def _begin_later(self, conditions: Mapping[str, Condition]) -> bool:
        """Have forks compile filters of *conditions* for :meth:`go_on`; return False if there can be none."""
        written = self.compiled().later
        try:
            for place in self._probe.places:
                processes = self._has_processes(place)
                self._later.append(Later(conditions, place, processes=processes, written=written))
        except OSError:
            self._end_later()
            return False
        return True

    def _end_later(self) -> None:
        for later in self._later:
            later.close()
        self._later.clear()

    def _collect(self, asked: Asked, conditions: Mapping[str, Condition], written: Sequence[Written] = ()) -> None:
        """Collect what is *asked* for, with filters of these *conditions*; *written*: they are compiled already."""
        self.expected = expected = sentinel.expected(frozenset(asked.types), self._agent)
        own = {} if expected.call is None else {expected.call: sentinel.condition(expected)}
        self._probe.prepare(self._calls(asked))
        self._set_filters(conditions, own, () if own.keys() & conditions.keys() else written)
        self.watched.watch(map(os.fsdecode, asked.watched))
        self._set_options(asked.options._replace(measure=self.options.measure))
        self._set_calls(asked)

    def _calls(self, asked: Asked) -> dict[int, CallSpec]:
        types = frozenset(asked.types)
        calls = wanted.calls(
            types,
            needed=asked.conditions,
            only_successful=self._config.only_successful,
            hooks=wanted.hooks(types) & self._probe.hooks,
            present=asked.present,
        )
        return calls if self.expected.call is None else calls | sentinel.calls(self.expected)

    def _set_calls(self, asked: Asked) -> None:
        only_successful, probe, types = self._config.only_successful, self._probe, frozenset(asked.types)
        hooks = wanted.hooks(types) & probe.hooks
        probe.set_calls(
            self._calls(asked),
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

    def _set_filters(
        self, conditions: Mapping[str, Condition], own: Mapping[str, Condition], written: Sequence[Written]
    ) -> None:
        """Filter events by *conditions*; what also was needed before is never filtered out meanwhile.

        :param own: those of falcohost's own events, which count in place of others.
        :param written: filters of *conditions* that are compiled already.
        """
        weaker: dict[str, None] = {}
        needed = {**conditions, **own}
        self._set_last_names(needed)
        for place in self._probe.places:
            processes, made = self._has_processes(place), None
            if written and (made := make_written(written, place, processes=processes)) is not None:
                rest = load(own, place, processes=processes)
                filters = Filters(made.programs | rest.programs, [*made.weaker, *rest.weaker])
            else:
                filters = (load_apart if self.apart else load)(needed, place, processes=processes)
            place.set_filters(filters.programs)
            filters.close()
            weaker |= dict.fromkeys(filters.weaker)
        self._probe.forget_folders()
        self._weaker.clear()
        self._tell(weaker)

    def _set_last_names(self, needed: Mapping[str, Condition]) -> None:
        opens = {own(condition, name) for name, condition in needed.items() if has_folders(BY_NAME[name])}
        self._probe.set_last_names(chain.from_iterable(map(last_names, opens)))

    def _has_processes(self, place: Probe | Stages) -> bool:
        """Return whether execs and exits have filters at *place*."""
        return self._config.process_context and place is self._probe

    def _tell(self, weaker: Iterable[str]) -> None:
        """Tell the sentences about filters that were weakened, each once."""
        for sentence in weaker:
            if sentence not in self._weaker:
                self._weaker[sentence] = None
                _log.warning("%s", sentence)
        self.weaker = len(self._weaker)


def _is_of_its_own(name: str, index: int) -> bool:
    """Return whether the filter at *index* of the map *name* is of calls of which no folders are judged."""
    row = index % MAX_CALLS
    return name == OF_CALLS_MAP and 0 < row <= len(CALLS) and not has_folders(CALLS[row - 1])
