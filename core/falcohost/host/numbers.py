"""The numbers of one source, in the one form in which they pass: worker → supervisor → ``falcohost stats``.

They are what the source tells (:class:`~falcohost.stats.SourceStats`) and what its worker counts. A field is a counter
(:mod:`falcohost.counters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from falcohost.counters import Over, Shape, counters, number, rows
from falcohost.stats import SourceStats, TypeCount


class TypeNumbers(TypeCount, frozen=True):
    """The events of one type: what the source tells, and what rules made of them."""

    matched: Annotated[
        int, number("matches of rules, before floods are folded and alerts are limited", before="lost", colour="yellow")
    ] = 0
    unmatched: Annotated[
        int, number("passed, and matched by no rule: what the kernel could not decide", before="lost")
    ] = 0

    @property
    def cost(self) -> float:
        """Return what all of them took where events are born, in nanoseconds, as far as it was measured."""
        return self.ns * max(self.seen / self.timed, 1) if self.timed else 0.0


class RuleNumbers(msgspec.Struct, frozen=True):
    """What a rule did."""

    matched: Annotated[int, number("matches of the rule", colour="yellow")] = 0
    folded: Annotated[
        int,
        number(
            "of a rule's matches those that have no alert, but are counted in that of another"
            " ([decision 0013](decisions/0013-floods-are-folded.md))"
        ),
    ] = 0


class LookupNumbers(msgspec.Struct, frozen=True):
    """What a lookup answered, once for each time that a field of it was read."""

    found: Annotated[int, number("rows that were there")] = 0
    absent: Annotated[int, number("keys that have no row")] = 0
    pending: Annotated[int, number("rows that were not there yet: the match waits for them")] = 0
    late: Annotated[
        int, number("values that were taken for absent because their row did not come in time", colour="red")
    ] = 0
    failed: Annotated[
        int, number("how often the lookup raised an error, which counts as no row: see the log", colour="red")
    ] = 0


class Numbers(SourceStats, frozen=True):
    """All numbers of a source."""

    types: Annotated[Mapping[str, TypeNumbers], rows("what became of the events of each type", text="event type")] = {}
    unwanted: Annotated[
        Mapping[str, TypeNumbers], rows("what was met, while it was measured, that no rule wants", text=None)
    ] = {}
    failed: Annotated[
        int,
        number(
            "events on which a rule could not be evaluated",
            text="a rule could not be evaluated on {:,} events: see the log",
            colour="red",
        ),
    ] = 0
    crowded: Annotated[
        int,
        number(
            "events whose match was decided without the rows of lookups because too many waited for them",
            text="{:,} matches were decided without the rows of lookups because too many waited for them",
            colour="red",
        ),
    ] = 0
    rules: Annotated[Mapping[str, RuleNumbers], rows("what each rule did that has matched", text="rule")] = {}
    lookups: Annotated[Mapping[str, LookupNumbers], rows("what each lookup was asked for", text="lookup")] = {}

    @property
    def lost(self) -> int:
        """Return how many events were lost, for whatever cause."""
        return sum(self.dropped.values())


NOTHING = Numbers()


def counted(
    stats: SourceStats,
    *,
    matched: Mapping[str, int],
    hit: Mapping[str, int],
    rules: Mapping[str, int],
    folded: Mapping[str, int],
    **own: Any,
) -> Numbers:
    """Return what a source tells together with what its worker has counted.

    :param matched: matches by event type; *hit*: events that matched a rule, by type.
    :param rules: matches by rule; *folded*: those of them that are counted in the alert of another.
    :param own: whatever else the worker counts, by the names of the fields.
    """
    told = stats.types
    types = {
        name: _type(told.get(name, _NONE), matched.get(name, 0), hit.get(name, 0))
        for name in dict.fromkeys((*told, *matched))
    }
    unwanted = {name: _type(count, 0, 0) for name, count in stats.unwanted.items()}
    done = {name: RuleNumbers(count, folded.get(name, 0)) for name, count in rules.items()}
    values = {name: getattr(stats, name) for name in _PLAIN}
    for name in _LAST:
        values[name] = dict(getattr(stats, name))
    for name in _SUMMED:  # that nothing was lost by some cause is not said
        values[name] = {cause: count for cause, count in getattr(stats, name).items() if count}
    return Numbers(types=types, unwanted=unwanted, rules=done, **own, **values)


def _type(count: TypeCount, matched: int, hit: int) -> TypeNumbers:
    values: tuple[int, ...] = (*_values(count), matched, max(count.passed - hit, 0))
    return TypeNumbers(*values)


_told = counters(SourceStats)
_PLAIN = [one.name for one in _told if one.shape in (Shape.NUMBER, Shape.SENTENCES)]
_SUMMED = [one.name for one in _told if one.shape is Shape.BY_NAME and one.over is Over.SUM]
_LAST = [one.name for one in _told if one.shape is Shape.BY_NAME and one.over is Over.LAST]
_NONE = TypeCount()
_values = attrgetter(*TypeCount.__struct_fields__)
