"""Makes of what the rules ask for what the probe is told: filters, calls and options.

Nothing here is needed once it is made, so that a process for it can end (:mod:`.maker`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from falcohost_syscall.drivers.modern_ebpf import sentinel, wanted
from falcohost_syscall.drivers.modern_ebpf.asked import read
from falcohost_syscall.drivers.modern_ebpf.collection import Made
from falcohost_syscall.drivers.modern_ebpf.config import Config
from falcohost_syscall.drivers.modern_ebpf.filters import FilterPlace, load
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.records.record import CallSpec


class Settable(FilterPlace, Protocol):
    """A place where filters are set."""

    def set_filters(self, programs: Mapping[tuple[str, int], int]) -> None:
        """Use these filters (map and index in it → descriptor) instead of the previous ones."""


class Target(Protocol):
    """The probe, or what stands for it in another process."""

    @property
    def hooks(self) -> frozenset[str]:
        """The hooks at which the probe can find what paths lead to."""

    @property
    def places(self) -> Sequence[Settable]:
        """Where filters have to be set; first the probe itself."""

    def prepare(self, calls: Mapping[int, CallSpec]) -> None:
        """Prepare :attr:`places` for these calls."""


def make(asked: bytes, config: Config, agent: int | None, probe: Target) -> Made:
    """Set the filters of what is *asked* for (:func:`.asked.ask`); return what is to be set after that.

    :param agent: the process whose sentinels are collected.
    """
    asks = read(asked)
    types, only_successful = frozenset(asks.types), config.only_successful
    hooks = wanted.hooks(types) & probe.hooks
    conditions = dict(asks.conditions)
    calls = wanted.calls(types, needed=conditions, only_successful=only_successful, hooks=hooks, present=asks.present)
    expected = sentinel.expected(types, agent)
    if expected.call is not None:
        conditions[expected.call] = sentinel.condition(expected)
        calls |= sentinel.calls(expected)
    probe.prepare(calls)
    return Made(
        weaker=_set_filters(probe, conditions, processes=config.process_context),
        watched=asks.watched,
        options=asks.options,
        expected=expected,
        calls=calls,
        requests=wanted.requests(types, needed=asks.conditions, only_successful=only_successful, hooks=hooks),
        traced=wanted.returning_twice(types, needed=asks.conditions),
        passing=hooks,
        entered=wanted.entered(types),
        moments=wanted.moments(types, needed=asks.conditions, present=asks.present),
    )


def _set_filters(probe: Target, needed: Mapping[str, Condition], *, processes: bool) -> list[str]:
    """Filter events by the conditions *needed*; what also was needed before is never filtered out meanwhile."""
    weaker: dict[str, None] = {}
    for number, place in enumerate(probe.places):
        filters = load(needed, place, processes=processes and number == 0)
        place.set_filters(filters.programs)
        filters.close()
        weaker |= dict.fromkeys(filters.weaker)
    return [*weaker]
