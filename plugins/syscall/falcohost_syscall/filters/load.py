"""The filters of a plan, loaded into the kernel."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from falcohost_syscall.calls.rows import BY_NAME, EXEC, EXIT
from falcohost_syscall.filters import layout
from falcohost_syscall.filters.condition import TRUE, Address, Condition, Point, Test, Text, literals, up_to
from falcohost_syscall.filters.merge import merged
from falcohost_syscall.filters.program import compile_filter
from falcohost_syscall.filters.weaken import forms
from falcohost_syscall.kernel.assembler import TooLongError
from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT, PROGRAM_TRACING, Kernel
from falcohost_syscall.processes.containers import HOST, Container
from falcohost_syscall.records.record import MAX_CALLS


class Probe(NamedTuple):
    """The maps of the loaded probe that filters work with, by descriptor."""

    scratches: int
    stages: int
    containers: int
    exec_stages: int = -1
    exit_stages: int = -1


class Place(NamedTuple):
    """Where filters stand, to which stages they go on, at which points they are asked.

    *names* are the places of texts that have further names, under which they are asked again.
    """

    filters: str
    stages: str
    points: tuple[Point, ...]
    names: frozenset[int]
    kind: int = PROGRAM_TRACING
    tracepoint: str = ""


CALLS: Final = Place("filters", "stages", tuple(Point), layout.NAMED, PROGRAM_RAW_TRACEPOINT)
_EXECS: Final = Place(
    "exec_filters",
    "exec_stages",
    (Point.PROCESS, Point.ANCESTORS),
    layout.EXECUTED,
    tracepoint="sched_process_exec",
)
_EXITS: Final = Place(
    "exit_filters", "exit_stages", (Point.ANCESTORS,), layout.EXECUTED, tracepoint="sched_process_exit"
)
#: Why a filter is weaker that the kernel was not asked to take whole (weaken.py).
NOT_TRIED: Final = "it would search texts too often, or for too much, or know too many long ones, lengths or numbers"
_PROCESSES: Final = {EXEC: _EXECS, EXIT: _EXITS}


@dataclass(slots=True)
class Filters:
    """Loaded programs by the probe's map and their place in it, until :meth:`close`. Places may share a program.

    :ivar weaker: sentences about the event types that have less than the full filter.
    """

    programs: dict[tuple[str, int], int] = field(default_factory=dict)
    weaker: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Give the programs up; those that the probe uses stay."""
        for fd in set(self.programs.values()):
            os.close(fd)
        self.programs.clear()


class Loaded(NamedTuple):
    """The programs of one condition by their points, and why one of them asks less than it could."""

    programs: dict[Point, int]
    weaker: str | None


def load(conditions: Mapping[str, Condition], kernel: Kernel, probe: Probe, *, processes: bool = True) -> Filters:
    """Load the filters for the conditions of event types; what the kernel refuses becomes weaker, at last nothing.

    Without *processes* execs that succeed and ends of processes have none.
    """
    filters = Filters()
    types: dict[Condition, list[str]] = {}
    for name, condition in conditions.items():
        types.setdefault(condition, []).append(name)
    for condition, names in types.items():
        calls = [name for name in names if name != EXIT]
        wanted = {CALLS: calls} if calls else {}
        for place in {_PROCESSES[name] for name in names if processes and name in _PROCESSES}:
            wanted[place] = [name for name in names if _PROCESSES.get(name) == place]
        for place, same in wanted.items():
            loaded = compiled(condition, kernel, probe, place)
            _add(filters, loaded, same, [(place.filters, BY_NAME[name].call) for name in same])
    return filters


def _add(filters: Filters, loaded: Loaded, names: list[str], places: list[tuple[str, int]]) -> None:
    programs, weaker = loaded
    for name, row in places:
        filters.programs |= {(name, point * MAX_CALLS + row): fd for point, fd in programs.items()}
    if weaker is not None:
        what = ", ".join(names)
        filters.weaker.append(f"The filter of {what} asks less than its rules do, so more events pass: {weaker}")


def compiled(condition: Condition, kernel: Kernel, probe: Probe, place: Place = CALLS) -> Loaded:
    """Load a program for each of the place's points at which more of *condition* can be told than before.

    What the kernel refuses at one point becomes weaker at that point alone.
    """
    found: dict[Point, int] = {}
    told: Condition = TRUE
    part: Condition = TRUE
    asked: Condition = TRUE
    weaker: str | None = None
    for point in place.points:
        before, told_before, told = part, told, up_to(condition, point)
        part = before if told == told_before else merged(told)
        if part == before and not _told_late(part, point):
            continue
        form, program, reason = _strongest(part, point, asked, kernel, probe, place)
        weaker = weaker or reason
        asked = form
        if program is not None:
            found[point] = program
    return Loaded(found, weaker)


def _strongest(
    part: Condition, point: Point, asked: Condition, kernel: Kernel, probe: Probe, place: Place
) -> tuple[Condition, int | None, str | None]:
    """Return the strongest form that the kernel takes, its program, and why it is no stronger one.

    There is no program for one that is true, or that was *asked* before and is not told better here.
    """
    reason = None
    for form in forms(part, loops=kernel.has_may_goto):
        if form != part:
            reason = reason or NOT_TRIED
        if form == TRUE or (form == asked and not _told_late(form, point)):
            return form, None, reason
        try:
            return form, _program(form, point, kernel, probe, place), reason
        except LibbpfError as error:
            reason = reason or f"the kernel refused the full one: {error.reason}"
        except TooLongError as error:
            reason = reason or f"the full one cannot be written: {error}"
    raise AssertionError("the last form is true")


def _told_late(condition: Condition, point: Point) -> bool:
    return any(test.point < point <= _latest(test) for test in (literal.test for literal in literals(condition)))


def _latest(test: Test) -> Point:
    """Return where a test is told at last."""
    if isinstance(test, Text):
        return test.view.late
    return test.point if isinstance(test, Address) else test.number.late or test.point


def _program(condition: Condition, point: Point, kernel: Kernel, probe: Probe, place: Place) -> int:
    maps = _Maps(kernel, probe, getattr(probe, place.stages))
    try:
        return kernel.program(compile_filter(condition, point, maps, place.names), place.kind, place.tracepoint)
    finally:
        maps.close()


class _Maps:
    """The probe's maps, and new ones for one program, which keeps them when they are closed here.

    A program may have 64 maps, so what is asked for again is the same one.
    """

    def __init__(self, kernel: Kernel, probe: Probe, stages: int) -> None:
        self.scratches, self.stages, self.containers = probe.scratches, stages, probe.containers
        self._kernel = kernel
        self.loops = kernel.has_may_goto
        self._made: dict[Hashable, int] = {}

    def texts(self, constants: Iterable[bytes], size: int) -> int:
        found = frozenset(constants)
        return self._once(("texts", found, size), lambda: self._kernel.hash(found, size))

    def prefixes(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> int:
        found = frozenset(prefixes)
        return self._once(("prefixes", found, size), lambda: self._kernel.trie(found, size))

    def table(self, value: bytes) -> int:
        return self._once(value, lambda: self._kernel.table(value))

    def _once(self, what: Hashable, make: Callable[[], int]) -> int:
        if what not in self._made:
            self._made[what] = make()
        return self._made[what]

    def close(self) -> None:
        for fd in self._made.values():
            os.close(fd)


def container_place(container: Container) -> int:
    """Return what filters are told of the cgroups of *container*; 0 for one that is called what the host is."""
    if container.is_host:
        return layout.ON_HOST
    return 0 if HOST.id in (container.id, container.full_id) else layout.IN_CONTAINER
