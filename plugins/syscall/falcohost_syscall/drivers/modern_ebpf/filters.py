"""Loads the filters of event types for the probe, or for a copy of its stages."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace

from falcohost_syscall.calls.rows import BY_NAME, EXEC, EXIT
from falcohost_syscall.drivers.modern_ebpf.at_first import FIRST, SELDOM, SELDOM_POINTS
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.folders import has_folders, of_folders
from falcohost_syscall.facts.header import RET
from falcohost_syscall.filters.condition import TRUE, Condition, Point, up_to, where
from falcohost_syscall.filters.factor import factored
from falcohost_syscall.filters.load import Loaded, compiled
from falcohost_syscall.filters.site import Site, SiteMaps
from falcohost_syscall.filters.weaken import forms
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT, PROGRAM_TRACING, FilterKernel
from falcohost_syscall.kernel.sharing import Sharing
from falcohost_syscall.pushdown.joint import own
from falcohost_syscall.records.record import (
    MAX_CALLS,
    STAGE_LEFT_OUT,
    STAGE_NAMES,
    STAGE_SUBMIT,
    STAGE_UNWANTED,
    STAGE_WANTED,
    WANT_FAILED_ONLY,
)

#: The map that has the filters of calls, all maps that have filters, and those that filters name.
OF_CALLS_MAP: Final = "filters"
MAPS: Final = frozenset({OF_CALLS_MAP, "exec_filters", "exit_filters"})
NAMED_MAPS: Final = frozenset({"scratches", "containers", "stages", "exec_stages", "exit_stages"})


class FilterPlace(Protocol):
    """The probe or a copy of its stages, for which filters are loaded."""

    @property
    def kernel(self) -> FilterKernel:
        """Loads filters for it."""

    def map_fd(self, name: str) -> int:
        """Return the descriptor of a map."""


class _FilterMaps(NamedTuple):
    """The maps of the probe that hold filters and the stages behind them, and the site of the filters."""

    filters: str
    stages: str
    site: Site


def _site(points: Iterable[Point], names: frozenset[int], kind: int, tracepoint: str = "") -> Site:
    further = ((names, layout.NAMES), (layout.SEEN, layout.REACHED))
    return Site(layout.MEMORY, tuple(points), STAGE_LEFT_OUT, STAGE_NAMES, further, kind, tracepoint)


#: The site of the filters of calls.
OF_CALLS: Final = _site(Point, layout.NAMED, PROGRAM_RAW_TRACEPOINT)
_CALLS: Final = _FilterMaps(OF_CALLS_MAP, "stages", OF_CALLS)
_OF_FOLDERS: Final = Site(
    layout.MEMORY, (Point.OBJECT,), STAGE_UNWANTED, STAGE_NAMES, (), PROGRAM_RAW_TRACEPOINT, passed=STAGE_WANTED
)
_PROCESSES: Final = {
    EXEC: _FilterMaps(
        "exec_filters",
        "exec_stages",
        _site((Point.PROCESS, Point.ANCESTORS), layout.EXECUTED, PROGRAM_TRACING, "sched_process_exec"),
    ),
    EXIT: _FilterMaps(
        "exit_filters",
        "exit_stages",
        _site((Point.ANCESTORS,), layout.EXECUTED, PROGRAM_TRACING, "sched_process_exit"),
    ),
}


def goes_on(name: str, index: int) -> tuple[str, frozenset[int]]:
    """Return the map of the stages behind a filter in the map *name* at *index*, and those it may go on to."""
    point, maps = index // MAX_CALLS, {kept.filters: kept for kept in (_CALLS, *_PROCESSES.values())}[name]
    passed = _OF_FOLDERS if maps is _CALLS and point == STAGE_SUBMIT else None
    site = passed or maps.site
    if passed is None and point not in site.points:
        return maps.stages, frozenset()
    return maps.stages, frozenset({point if site.passed is None else site.passed, site.left_out, site.again})


@dataclass(slots=True)
class Filters:
    """Loaded filters by the probe's map and the index in it, until :meth:`close`. Several indexes may share a program.

    :ivar weaker: a sentence for each group of event types whose filter was weakened.
    """

    programs: dict[tuple[str, int], int] = field(default_factory=dict)
    weaker: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Close the programs; those that the probe uses remain loaded."""
        for fd in set(self.programs.values()):
            os.close(fd)
        self.programs.clear()


def load(
    conditions: Mapping[str, Condition],
    stages: FilterPlace,
    *,
    processes: bool = True,
    begun: AbstractSet[str] = frozenset(),
) -> Filters:
    """Load the filters of event types; those that the kernel refuses are weakened, in the end to none.

    Without *processes* successful execs and exits of processes have no filters.

    :param begun: event types that already have those of a start (:data:`.at_first.FIRST`), which stay.
    """
    filters = Filters()
    types: dict[Condition, list[str]] = {}
    for name, condition in conditions.items():
        types.setdefault(condition, []).append(name)
    with Sharing(stages.kernel) as kernel:
        for condition, names in types.items():
            for kept, same, needed in _parted(condition, names, processes):
                maps = SiteMaps(*map(stages.map_fd, ("scratches", kept.stages, "containers")))
                for part, rest in _compiled(filters, needed, same, kernel, maps, _left(kept, same, begun)).items():
                    if kept is _CALLS:
                        _add_of_folders(filters, part, rest, kernel, maps)
    return filters


def _compiled(
    filters: Filters, condition: Condition, names: Sequence[str], kernel: Sharing, maps: SiteMaps, kept: _FilterMaps
) -> Mapping[Condition, Sequence[str]]:
    """Add the filters of a condition of these event types; return what it says of each.

    Where a joint one would be weakened, each has its own, unless all of these would be weakened, too.
    """
    alone: dict[Condition, list[str]] = {}
    for name in names:
        alone.setdefault(own(condition, name), []).append(name)
    if len(alone) > 1:
        joint = compiled(condition, kernel, maps, kept.site)
        if joint.weaker is None or all(_is_too_much(part, kernel) for part in alone):
            _add_joint(filters, joint, condition, names, kept.filters, kernel)
            return alone
        for program in joint.programs.values():
            kernel.close(program)
    for part, same in alone.items():
        _add(filters, compiled(part, kernel, maps, kept.site), same, kept.filters)
    return alone


def _left(kept: _FilterMaps, names: Iterable[str], begun: AbstractSet[str]) -> _FilterMaps:
    """Return *kept* with those points at which event types have filters that are to be loaded."""
    points = kept.site.points
    if kept is _CALLS and SELDOM.issuperset(names):
        points = SELDOM_POINTS
    if begun >= {*names}:
        points = tuple(point for point in points if point > FIRST)
    return kept if points == kept.site.points else kept._replace(site=replace(kept.site, points=points))


def _is_too_much(condition: Condition, kernel: Sharing) -> bool:
    """Return whether the kernel is not asked to take the filter of a condition whole."""
    whole = factored(condition)
    return next(iter(forms(whole, loops=kernel.has_may_goto))) != whole


def _add_joint(
    filters: Filters, loaded: Loaded, condition: Condition, names: Sequence[str], kept: str, kernel: Sharing
) -> None:
    """Add a filter of several event types at those points at which it says something of each."""
    _add(filters, loaded._replace(programs={}), names, kept)
    for point, program in loaded.programs.items():
        asking = [name for name in names if own(up_to(condition, point), name) != TRUE]
        _add(filters, Loaded({point: program}, None), asking, kept)
        if not asking:
            kernel.close(program)


def _parted(
    condition: Condition, names: Sequence[str], processes: bool
) -> Iterator[tuple[_FilterMaps, Sequence[str], Condition]]:
    """Yield where event types with the same condition have filters, which of them, and what is left to ask there."""
    failed = [name for name in names if BY_NAME[name].want & WANT_FAILED_ONLY]
    if failed:
        yield _CALLS, failed, where(condition, RET, RET.lowest, -1)
    if calls := [name for name in names if name != EXIT and name not in failed]:
        yield _CALLS, calls, condition
    for name in names if processes else ():
        if name == EXEC:
            yield _PROCESSES[name], [name], where(condition, RET, 0, 0)
        elif name in _PROCESSES:
            yield _PROCESSES[name], [name], condition


def _add(filters: Filters, loaded: Loaded, names: Sequence[str], kept: str) -> None:
    programs, weaker = loaded
    for name in names:
        row = BY_NAME[name].call
        filters.programs |= {(kept, point * MAX_CALLS + row): fd for point, fd in programs.items()}
    if weaker is not None:
        what = ", ".join(names)
        filters.weaker.append(f"The filter of {what} was weakened, so more events pass: {weaker}")


def _add_of_folders(
    filters: Filters, condition: Condition, names: Sequence[str], kernel: FilterKernel, maps: SiteMaps
) -> None:
    """Add the filter of folders, where the probe has one. It is no loss where it is weaker than it might be."""
    opens = [name for name in names if has_folders(BY_NAME[name])]
    if opens and (wanted := of_folders(condition)) != TRUE:
        programs, _ = compiled(wanted, kernel, maps, _OF_FOLDERS)
        rows = [STAGE_SUBMIT * MAX_CALLS + BY_NAME[name].call for name in opens]
        filters.programs |= {(OF_CALLS_MAP, row): fd for row in rows for fd in programs.values()}
