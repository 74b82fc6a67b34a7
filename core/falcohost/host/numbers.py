"""The numbers of sources, outputs and the store, in the form in which they travel to ``falcohost stats``.

Those of a source combine what it reports (:class:`~falcohost.stats.SourceStats`) and what its worker counts. Each field
is a counter (:mod:`falcohost.counters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from falcohost.counters import Over, Shape, Unit, by_name, counters, number, rows
from falcohost.pipeline.spent import Spent
from falcohost.stats import SourceStats, TypeCount


class TypeNumbers(TypeCount, frozen=True):
    """The numbers of one event type: the source's, and the matches of rules."""

    matched: Annotated[
        int, number("matches of rules, before floods are folded and alerts are limited", before="lost", colour="yellow")
    ] = 0
    unmatched: Annotated[
        int, number("events passed on that no rule matched: what the kernel could not decide", before="lost")
    ] = 0
    worked: Annotated[int, number("events whose cost in the worker was measured", text=None)] = 0
    read_ns: Annotated[
        int, number("total time that the worker took to read those events", unit=Unit.NANOSECONDS, text=None)
    ] = 0
    match_ns: Annotated[
        int,
        number(
            "total time that the worker took to match those events, with what follows a match",
            unit=Unit.NANOSECONDS,
            text=None,
        ),
    ] = 0

    @property
    def cost(self) -> float:
        """Return the estimated time that all of them took at their origin, in nanoseconds; 0 if it was not measured."""
        return self.ns * max(self.seen / self.timed, 1) if self.timed else 0.0


class RuleNumbers(msgspec.Struct, frozen=True):
    """The numbers of a rule."""

    matched: Annotated[int, number("matches of the rule", colour="yellow")] = 0
    folded: Annotated[
        int,
        number(
            "matches that got no alert of their own, but are counted in another alert of the rule"
            " ([decision 0013](decisions/0013-floods-are-folded.md))"
        ),
    ] = 0


class LookupNumbers(msgspec.Struct, frozen=True):
    """The answers of a lookup, one for each time that one of its fields was read."""

    known: Annotated[int, number("rows that it has now", over=Over.LAST)] = 0
    found: Annotated[int, number("rows that were known")] = 0
    absent: Annotated[int, number("keys that have no row")] = 0
    pending: Annotated[int, number("rows that were not known yet; the match waits for them")] = 0
    given_up: Annotated[
        int, number("rows that cannot be learnt for now; nothing waits, and the alert says what is missing")
    ] = 0
    dropped: Annotated[int, number("rows that had to make room for others, and are asked for again if need be")] = 0
    late: Annotated[
        int, number("values that counted as absent because their row did not arrive in time", colour="red")
    ] = 0
    failed: Annotated[
        int, number("errors that the lookup raised, each counted as no row: see the log", colour="red")
    ] = 0


class Numbers(SourceStats, frozen=True):
    """All numbers of a source."""

    types: Annotated[
        Mapping[str, TypeNumbers], rows("numbers for each event type", label="type", text="event type")
    ] = {}
    unwanted: Annotated[
        Mapping[str, TypeNumbers],
        rows("event types that no rule wants, counted only while measuring is on", label="type", text=None),
    ] = {}
    failed: Annotated[
        int,
        number(
            "events for which a rule could not be evaluated",
            text="a rule could not be evaluated for {:,} events: see the log",
            colour="red",
        ),
    ] = 0
    crowded: Annotated[
        int,
        number(
            "events whose match was decided without the rows of lookups because too many matches were waiting",
            text="{:,} matches were decided without the rows of lookups because too many matches were waiting",
            colour="red",
        ),
    ] = 0
    retrying: Annotated[
        Mapping[str, int],
        by_name(
            "what the source tries again because it fails, with the number of failures in a row",
            label="what",
            over=Over.LAST,
            text="trying again (failures in a row)",
            colour="red",
        ),
    ] = {}
    faults: Annotated[
        Mapping[str, int],
        by_name(
            "events for which a rule could not be evaluated, by the rule and the field because of which it could not",
            label="rule",
            text="{} times a rule could not be evaluated",
            colour="red",
        ),
    ] = {}
    captures: Annotated[
        Mapping[str, int],
        by_name(
            "captures that were begun, alerts for which none could be, and events of captures that had no room",
            label="what",
            text="{} captures",
        ),
    ] = {}
    unreached: Annotated[
        Mapping[str, int],
        by_name(
            "what lookups do not reach, with the seconds for which that has lasted",
            label="what",
            over=Over.LAST,
            text="not reached by lookups (seconds)",
            colour="red",
        ),
    ] = {}
    of_lookups: Annotated[
        Mapping[str, int],
        by_name("what lookups count themselves", label="what", over=Over.LAST, text="counted by lookups"),
    ] = {}
    rules: Annotated[
        Mapping[str, RuleNumbers], rows("numbers for each rule that has matched", label="rule", text="rule")
    ] = {}
    lookups: Annotated[
        Mapping[str, LookupNumbers], rows("numbers for each lookup that was used", label="lookup", text="lookup")
    ] = {}

    @property
    def lost(self) -> int:
        """Return the number of lost events, all causes together."""
        return sum(self.dropped.values())


NOTHING = Numbers()


class OutputNumbers(msgspec.Struct, frozen=True):
    """The numbers of one output or other subscriber, by the names of the attributes of its runner."""

    waiting: Annotated[
        int, number("alerts that wait for it, of those that it gets", over=Over.LAST, text="alerts waiting")
    ] = 0
    dropped: Annotated[
        int, number("alerts that it will never get", text="{:,} will not be delivered", colour="red")
    ] = 0
    refused: Annotated[
        int, number("alerts that it has refused for good, which are parked", text="{:,} refused", colour="red")
    ] = 0


class StoreNumbers(msgspec.Struct, frozen=True):
    """The numbers of the store, by the names of its attributes."""

    last: Annotated[int, number("number of the last alert", text="alerts so far")] = 0
    unwritten: Annotated[
        int,
        number(
            "alerts in memory that wait for the disk",
            over=Over.LAST,
            text="{:,} waiting for the disk",
            colour="red",
        ),
    ] = 0
    lost: Annotated[
        int,
        number(
            "alerts that were deleted before every subscriber had them",
            text="{:,} deleted before every output had them",
            colour="red",
        ),
    ] = 0
    held: Annotated[
        int, number("alerts that were silenced, or held back by limits", text="{:,} held back", colour="yellow")
    ] = 0
    overflowed: Annotated[
        int,
        number(
            "alerts that limits have let through, since they had too many values to remember",
            text="{:,} let through by limits with too many values",
            colour="yellow",
        ),
    ] = 0


class ActionNumbers(msgspec.Struct, frozen=True):
    """What has come of one action."""

    done: Annotated[int, number("how often it was taken", text="{:,} taken", colour="yellow")] = 0
    observed: Annotated[
        int, number("how often it would have been taken, had the mode not been `observe`", text="{:,} observed")
    ] = 0
    refused: Annotated[
        int,
        number("how often it was refused: what it was about is protected, has ended, or is old", text="{:,} refused"),
    ] = 0
    capped: Annotated[
        int, number("how often it was not taken since there were too many", text="{:,} too many", colour="red")
    ] = 0
    failed: Annotated[int, number("how often it has failed", text="{:,} failed", colour="red")] = 0


class ProgramNumbers(msgspec.Struct, frozen=True):
    """What a program in the kernel has taken, by the kernel's own statistics."""

    runs: Annotated[int, number("how often it ran")] = 0
    ns: Annotated[int, number("total time that it took", unit=Unit.NANOSECONDS, text=None)] = 0
    seconds: Annotated[
        float, number("time in which that was counted", over=Over.LAST, unit=Unit.SECONDS, text=None)
    ] = 0.0


class ProcessNumbers(msgspec.Struct, frozen=True):
    """The numbers of one process of the agent; those but *restarts* are the present process's."""

    restarts: Annotated[int, number("how often it was started again")] = 0
    cpu: Annotated[float, number("processor time", over=Over.LAST, unit=Unit.SECONDS)] = 0.0
    rss: Annotated[int, number("memory that it has, with what it shares", over=Over.LAST, unit=Unit.BYTES)] = 0
    pss: Annotated[
        int,
        number("memory that it has; what it shares is divided by those who share it", over=Over.LAST, unit=Unit.BYTES),
    ] = 0
    vsz: Annotated[int, number("size of its address space", over=Over.LAST, unit=Unit.BYTES)] = 0


def counted(
    stats: SourceStats,
    *,
    matched: Mapping[str, int],
    hit: Mapping[str, int],
    rules: Mapping[str, int],
    folded: Mapping[str, int],
    spent: Mapping[str, Spent] = MappingProxyType({}),
    **own: Any,
) -> Numbers:
    """Return the source's numbers together with what its worker has counted.

    :param matched: matches by event type.
    :param hit: events that matched at least one rule, by event type.
    :param rules: matches by rule.
    :param folded: matches by rule that are only counted in another alert.
    :param spent: what events cost in the worker, by event type.
    :param own: the worker's other counters, by field name.
    """
    told = stats.types
    types = {
        name: _type(told.get(name, _NONE), matched.get(name, 0), hit.get(name, 0), spent.get(name, _FREE))
        for name in dict.fromkeys((*told, *matched, *spent))
    }
    unwanted = {name: _type(count, 0, 0, _FREE) for name, count in stats.unwanted.items()}
    done = {name: RuleNumbers(count, folded.get(name, 0)) for name, count in rules.items()}
    values = {name: getattr(stats, name) for name in _PLAIN}
    for name in _LAST:
        values[name] = dict(getattr(stats, name))
    for name in _SUMMED:  # causes without a loss are left out
        values[name] = {cause: count for cause, count in getattr(stats, name).items() if count}
    return Numbers(types=types, unwanted=unwanted, rules=done, **own, **values)


def _type(count: TypeCount, matched: int, hit: int, spent: Spent) -> TypeNumbers:
    own = (matched, max(count.passed - hit, 0), spent.events, spent.read_ns, spent.match_ns)
    values: tuple[int, ...] = (*_values(count), *own)
    return TypeNumbers(*values)


_told = counters(SourceStats)
_PLAIN = [one.name for one in _told if one.shape in (Shape.NUMBER, Shape.SENTENCES)]
_SUMMED = [one.name for one in _told if one.shape is Shape.BY_NAME and one.over is Over.SUM]
_LAST = [one.name for one in _told if one.shape is Shape.BY_NAME and one.over is Over.LAST]
_NONE = TypeCount()
_FREE = Spent()
_values = attrgetter(*TypeCount.__struct_fields__)
