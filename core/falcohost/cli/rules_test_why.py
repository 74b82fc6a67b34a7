"""Says why a rule fires or not on the events of a failed test, as ``falcohost rules explain`` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from falcohost.engine.code.module import compile_values
from falcohost.engine.explain.reasons import reasons
from falcohost.engine.explain.trace import UNKNOWN, Traced, trace
from falcohost.engine.ir import And, FieldRef, Not, Or
from falcohost.errors import UnknownValueError
from falcohost.events import Event
from falcohost.rules.outline import Outline, outline
from falcohost.ruletests.cases import Case
from falcohost.ruletests.runner import Loaded, Runner
from falcohost.ruletests.verdicts import Difference, Verdict

#: Most events of a test that are looked at for the one that comes closest.
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Why:
    """The event that says most about a difference, and the checks that decide there.

    :ivar event: its number, from 0.
    """

    event: int
    checks: Sequence[tuple[Outline, Traced]]


class Explaining:
    """Watches the events of a test that failed (:class:`~falcohost.ruletests.runner.Watcher`)."""

    def __init__(self, loaded: Loaded, runner: Runner, found: Sequence[Difference]) -> None:
        self._runner = runner
        definitions = {one.definition.name: one.definition for one in loaded.outcome.compiled.rules}
        self._wanted = [one for one in found if one.rule in definitions]
        self._outlines = {
            one.rule: outline(definitions[one.rule], loaded.outcome, loaded.catalogs[definitions[one.rule].source])
            for one in self._wanted
        }
        self._best: dict[int, tuple[int, Why]] = {}
        self._looked = 0

    def why(self, difference: Difference) -> Why | None:
        """Return why it is so."""
        found = self._best.get(id(difference))
        return None if found is None else found[1]

    def take(self, case: Case, source: str, event: int, views: Sequence[Event]) -> None:
        """See an event."""
        for one in self._wanted:
            if one.event not in (None, event) or event > _MOST:
                continue
            for view in views:
                part = self._outlines[one.rule]
                traced = trace(part.expr, lambda ref, view=view: self._value(ref, view))  # type: ignore[misc]
                if traced.answer is None or traced.answer is not one.fired:
                    continue
                decisive = list(reasons(traced)) if one.fired else _missing(traced, True)
                best = self._best.get(id(one))
                if best is None or len(decisive) < best[0]:
                    self._best[id(one)] = len(decisive), Why(event, list(_parts(part, traced, decisive)))

    def end(self, case: Case, verdict: Verdict) -> None:
        """See the end of the test."""

    def _value(self, ref: FieldRef, view: Event) -> Any:
        try:
            return compile_values([self._runner.looked_up.operand(ref)])[0](view)
        except UnknownValueError:
            return UNKNOWN


def _missing(traced: Traced, wanted: bool) -> list[Traced]:
    """Return the fewest checks that would have to be otherwise for the answer *wanted*."""
    if traced.answer is wanted:
        return []
    if isinstance(traced.expr, Not):
        return _missing(traced.items[0], not wanted)
    if not isinstance(traced.expr, (And, Or)):
        return [traced]
    found = [_missing(item, wanted) for item in traced.items]
    if isinstance(traced.expr, Or) is wanted:
        return min(found, key=len, default=[])
    return [check for checks in found for check in checks]


def _parts(part: Outline, traced: Traced, wanted: Sequence[Traced]) -> Iterator[tuple[Outline, Traced]]:
    if not part.items:
        if any(one is traced or one in _below(traced) for one in wanted):
            yield part, traced
        return
    for item, found in zip(part.items, traced.items, strict=True):
        yield from _parts(item, found, wanted)


def _below(traced: Traced) -> Iterator[Traced]:
    for item in traced.items:
        yield item
        yield from _below(item)
