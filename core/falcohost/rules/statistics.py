"""Analyses a set of rules without events: rules per source and event type, rules that never match, unused items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from falcohost.engine.explain.shadow import Shadow, shadows
from falcohost.engine.index.witness import witness
from falcohost.engine.ruleset import Rule
from falcohost.rules.loader import LoadOutcome
from falcohost.rules.outline import ItemOrigin, origin
from falcohost.rules.rule_compiler import CompiledRule


@dataclass(frozen=True, slots=True)
class WithoutWitness:
    """A rule that is evaluated for every event of *types*; None: for every event."""

    rule: Rule
    types: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """The rules of one source.

    :ivar enabled: the enabled rules in order; *disabled*: the number of disabled ones.
    :ivar by_type: how many rules want events of each type; *of_any_type*: how many want events of all types.
    :ivar never: rules that no event can match, each with the reason.
    :ivar costly: rules that cost much, each with the reason.
    """

    source: str
    enabled: tuple[Rule, ...]
    disabled: int
    by_type: Mapping[str, int]
    of_any_type: int
    without_witness: Sequence[WithoutWitness]
    shadowed: Sequence[Shadow]
    never: Sequence[tuple[Rule, str]]
    costly: Sequence[tuple[Rule, str]]


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of all rules; *unused*: the macros and lists that are not used."""

    sources: Sequence[SourceStatistics]
    unused: Sequence[ItemOrigin]


def statistics(outcome: LoadOutcome) -> Statistics:
    """Return the statistics of the rules in *outcome*, which was loaded without an error."""
    rules = outcome.ruleset.rules
    sources = dict.fromkeys(rule.source for rule in rules)
    found = {one.rule.name: one for one in outcome.compiled.rules if one.rule is not None}
    return Statistics(
        [_of_source(source, [rule for rule in rules if rule.source == source], found) for source in sources],
        list(_unused(outcome)),
    )


def _of_source(source: str, rules: Sequence[Rule], found: Mapping[str, CompiledRule]) -> SourceStatistics:
    enabled = tuple(rule for rule in rules if rule.enabled)
    by_type = Counter(name for rule in enabled for name in rule.event_types or ())
    return SourceStatistics(
        source=source,
        enabled=enabled,
        disabled=len(rules) - len(enabled),
        by_type=dict(sorted(by_type.items(), key=lambda item: (-item[1], item[0]))),
        of_any_type=sum(rule.event_types is None for rule in enabled),
        without_witness=list(_without_witness(enabled)),
        shadowed=list(shadows(enabled)),
        never=[(rule, why) for rule in enabled if (why := why_never(rule, found[rule.name].never))],
        costly=[(rule, "; ".join(costs)) for rule in enabled if (costs := found[rule.name].costs)],
    )


def why_never(rule: Rule, found: str) -> str:
    """Return why *rule* can never fire; *found*: what its compilation has found; "" if it may fire."""
    return "its checks of the event type exclude each other" if rule.event_types == frozenset() else found


def _without_witness(rules: Sequence[Rule]) -> Iterator[WithoutWitness]:
    for rule in rules:
        if rule.event_types is None:
            if witness(rule) is None:
                yield WithoutWitness(rule, None)
            continue
        types = tuple(name for name in sorted(rule.event_types) if witness(rule, name) is None)
        if types:
            yield WithoutWitness(rule, types)


def _unused(outcome: LoadOutcome) -> Iterator[ItemOrigin]:
    used, collector = outcome.compiled.used, outcome.collector
    for name, macro in collector.macros.items():
        if name not in used["macro"]:
            yield origin("macro", name, macro.context)
    for name, found in collector.lists.items():
        if name not in used["list"]:
            yield origin("list", name, found.context)
