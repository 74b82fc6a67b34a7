"""Runs tests over several processes, which share the loaded rules by being forked."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeAlias

from falcohost.errors import RulesError
from falcohost.ruletests.cases import Case
from falcohost.ruletests.probes import Probes
from falcohost.ruletests.runner import Runner
from falcohost.ruletests.verdicts import Verdict

#: Tests that a process takes at a time, and from how many on there are several processes.
_AT_ONCE, _FEW = 8, 24

#: What a process has found: the verdicts, and what it has seen of conditions.
_Found: TypeAlias = tuple[list[Verdict], dict[str, list[int]]]
_run: Callable[[int], _Found]


def processors() -> int:
    """Return how many processes run tests, unless the user says it."""
    return len(os.sched_getaffinity(0))


def run_all(
    runner: Runner, cases: Sequence[Case], probes: Probes | None, jobs: int, told: Callable[[Verdict], None]
) -> list[Verdict]:
    """Run *cases*; return their verdicts in order; *told* is called with each as soon as it is there.

    What *probes* saw is in them afterwards.

    :raises RulesError: a process ended.
    """
    found: dict[int, list[Verdict]] = {}
    for begin, (verdicts, seen) in _chunks(runner, cases, probes, jobs):
        found[begin] = verdicts
        if probes is not None and jobs > 1 and len(cases) > _FEW:
            probes.coverage.merge(seen)
        for verdict in verdicts:
            told(verdict)
    return [verdict for begin in sorted(found) for verdict in found[begin]]


def _chunks(runner: Runner, cases: Sequence[Case], probes: Probes | None, jobs: int) -> Iterator[tuple[int, _Found]]:
    global _run
    watchers = () if probes is None else (probes,)
    begins = range(0, len(cases), _AT_ONCE)

    def run(begin: int) -> _Found:
        if probes is not None:
            probes.begin()
        found = [runner.run(case, watchers) for case in cases[begin : begin + _AT_ONCE]]
        return found, {} if probes is None else probes.coverage.seen

    if jobs <= 1 or len(cases) <= _FEW:
        for begin in begins:
            verdicts = [runner.run(case, watchers) for case in cases[begin : begin + _AT_ONCE]]
            yield begin, (verdicts, {})
        return
    _run = run
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as pool:
        pending: dict[Future[_Found], int] = {}
        try:
            for begin in begins:
                pending[pool.submit(_forked, begin)] = begin
            while pending:
                for done in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield pending.pop(done), done.result()
        except BrokenProcessPool:
            raise RulesError("a process that ran tests was ended; was there enough memory? (-j 1 takes one)") from None
        finally:
            for left in pending:
                left.cancel()


def _forked(begin: int) -> _Found:
    return _run(begin)
