"""Loads the filters of one condition: a program for each point, as strong as the kernel accepts it."""

from __future__ import annotations

from typing import Final, NamedTuple

from falcohost_syscall.filters.condition import TRUE, Address, Condition, Point, Test, Text, literals, up_to
from falcohost_syscall.filters.factor import factored
from falcohost_syscall.filters.own_maps import OwnMaps
from falcohost_syscall.filters.program import compile_filter
from falcohost_syscall.filters.site import Site, SiteMaps
from falcohost_syscall.filters.weaken import forms
from falcohost_syscall.kernel.assembler import TooLongError
from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.kernel.programs import FilterKernel

#: Why a filter is weaker that the kernel was not asked to take whole (weaken.py).
NOT_TRIED: Final = "it would search texts too often, or for too much, or know too many long ones, lengths or numbers"


class Loaded(NamedTuple):
    """The programs of one condition by their points, and the reason if one of them was weakened."""

    programs: dict[Point, int]
    weaker: str | None


def compiled(condition: Condition, kernel: FilterKernel, maps: SiteMaps, site: Site) -> Loaded:
    """Load a program for each of the site's points at which more of *condition* is known than before.

    Where the kernel refuses a program, only the filter at that point is weakened.
    """
    found: dict[Point, int] = {}
    told: Condition = TRUE
    part: Condition = TRUE
    asked: Condition = TRUE
    weaker: str | None = None
    for point in site.points:
        before, told_before, told = part, told, up_to(condition, point)
        part = before if told == told_before else factored(told)
        if part == before and not _told_late(part, point):
            continue
        form, program, reason = _strongest(part, point, asked, kernel, maps, site)
        weaker = weaker or reason
        asked = form
        if program is not None:
            found[point] = program
    return Loaded(found, weaker)


def _strongest(
    part: Condition, point: Point, asked: Condition, kernel: FilterKernel, maps: SiteMaps, site: Site
) -> tuple[Condition, int | None, str | None]:
    """Return the strongest form that the kernel accepts, its program, and why it is weaker than *part*, if it is.

    There is no program for a form that is true, or that was *asked* before and becomes no better known here.
    """
    reason = None
    for form in forms(part, loops=kernel.has_may_goto):
        if form != part:
            reason = reason or NOT_TRIED
        if form == TRUE or (form == asked and not _told_late(form, point)):
            return form, None, reason
        try:
            return form, _program(form if form is part else factored(form), point, kernel, maps, site), reason
        except LibbpfError as error:
            reason = reason or f"the kernel refused the full one: {error.reason}"
        except TooLongError as error:
            reason = reason or f"the full one cannot be written: {error}"
    raise AssertionError("the last form is true")


def _told_late(condition: Condition, point: Point) -> bool:
    return any(test.point < point <= _latest(test) for test in (literal.test for literal in literals(condition)))


def _latest(test: Test) -> Point:
    """Return the last point at which a test may become known."""
    if isinstance(test, Text):
        return test.view.late
    return test.point if isinstance(test, Address) else test.number.late or test.point


def _program(condition: Condition, point: Point, kernel: FilterKernel, given: SiteMaps, site: Site) -> int:
    stage = point if site.passed is None else site.passed
    with OwnMaps(kernel, given) as maps:
        maps.foresee(condition)
        code = compile_filter(condition, stage, maps, site)
        return kernel.program(code, site.kind, site.tracepoint)
