"""Gathers the facts about one rule: its condition, its place in the index, and what is collected because of it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from falcohost.cli.rules_files import LoadedRules
from falcohost.engine.explain.reasons import reasons, undecided
from falcohost.engine.explain.trace import Answers, Traced, Values, trace
from falcohost.engine.index.witness import Witness, witness
from falcohost.engine.ir import FieldRef, fields
from falcohost.engine.lookup_fields import behind
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.hookspecs import SourceSpec
from falcohost.host.config.response import ResponseConfig
from falcohost.host.response.binding import actions_of, idle
from falcohost.rules.definitions import RuleDef
from falcohost.rules.outline import ItemOrigin, Outline, Written, origin, origins, outline, written
from falcohost.rules.rule_compiler import CompiledRule


@dataclass(frozen=True, slots=True)
class Collected:
    """The data that a source collects because of one rule.

    :ivar types: the event types; None: all.
    :ivar alone: event types that no other enabled rule needs.
    :ivar asked: the fields that the condition reads, and those by which fields of lookups are looked up.
    :ivar told: the fields that only the output reads.
    :ivar pushed: pairs of which events, and which part of the rule the source decides or reads for them.
    """

    types: tuple[str, ...] | None
    alone: tuple[str, ...]
    asked: tuple[str, ...]
    told: tuple[str, ...]
    pushed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Filed:
    """How the matcher finds a rule for some event types.

    :ivar types: the event types; None: all.
    :ivar own: the rule's witness, regardless of other rules; None if it has none.
    :ivar among: the witness by which the index of all rules finds it; None if it is evaluated for every such event.
    """

    types: tuple[str, ...] | None
    own: Witness | None
    among: Witness | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One rule, explained.

    :ivar filed: one entry per group of event types.
    :ivar actions: the names of what is done about its alerts.
    :ivar idle: why nothing of that is done; empty if it is.
    """

    rule: Rule
    definition: RuleDef
    where: ItemOrigin
    written: Sequence[Written]
    condition: Outline
    origins: Sequence[ItemOrigin]
    filed: Sequence[Filed]
    collected: Collected
    actions: tuple[str, ...]
    idle: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The result of evaluating the rule for an event.

    :ivar checks: the fewest checks that decide the answer; for an unknown answer, the checks that leave it open.
    :ivar before: the rule that is reported instead, because it matches too and comes first.
    """

    traced: Traced
    checks: Sequence[tuple[Outline, Traced]]
    before: Rule | None = None


class Explainer:
    """Explains loaded rules; *response*: what is done about their alerts."""

    def __init__(self, loaded: LoadedRules, response: ResponseConfig) -> None:
        self._loaded = loaded
        self._response = response
        self._rules = {rule.name: rule for rule in loaded.outcome.ruleset.rules}
        self._matchers: dict[str, Matcher] = {}
        self._wanted: dict[str, Counter[str | None]] = {}

    def explain(self, compiled: CompiledRule) -> Explanation:
        """Explain a rule that was compiled without an error."""
        definition = compiled.definition
        rule = self._rules[definition.name]
        condition = outline(definition, self._loaded.outcome, self._loaded.catalogs[rule.source])
        return Explanation(
            rule=rule,
            definition=definition,
            where=origin("rule", rule.name, definition.context),
            written=written(definition),
            condition=condition,
            origins=list(dict.fromkeys(origins(condition))),
            filed=list(self._filed(rule)),
            collected=self._collected(rule),
            actions=actions_of(self._response, rule),
            idle=idle(self._response),
        )

    def _filed(self, rule: Rule) -> Iterator[Filed]:
        """Yield how the index of the source's enabled rules finds *rule*; equal event types are grouped."""
        if rule.source not in self._matchers:
            self._matchers[rule.source] = Matcher(self._loaded.outcome.ruleset.enabled(rule.source))
        matcher = self._matchers[rule.source]
        found: dict[tuple[Witness | None, Witness | None], list[str]] = {}
        for event_type in ("",) if rule.event_types is None else sorted(rule.event_types):
            known = event_type or None
            own = witness(rule, known)
            among = matcher.filed(rule, known) if rule.enabled else own
            found.setdefault((own, among), []).append(event_type)
        for (own, among), types in found.items():
            yield Filed(None if rule.event_types is None else tuple(types), own, among)

    def _collected(self, rule: Rule) -> Collected:
        if rule.source not in self._wanted:
            enabled = self._loaded.outcome.ruleset.enabled(rule.source)
            self._wanted[rule.source] = Counter(name for one in enabled for name in one.event_types or (None,))
        wanted, types = self._wanted[rule.source], rule.event_types
        alone = () if types is None or wanted[None] else (name for name in types if wanted[name] <= rule.enabled)
        asked = _named(one for ref in fields(rule.condition) for one in (ref, *behind(ref)))
        return Collected(
            types=None if types is None else tuple(sorted(types)),
            alone=tuple(sorted(alone)),
            asked=asked,
            told=tuple(name for name in _named(rule.output.fields) if name not in asked),
            pushed=tuple(_pushed(self._loaded.sources[rule.source], rule)),
        )


def _pushed(spec: SourceSpec, rule: Rule) -> Iterable[tuple[str, str]]:
    try:
        return list(spec.pushed(make_plan(rule.source, [rule]))) if spec.pushed is not None else ()
    except Exception as error:  # a plugin's code
        return [("unknown", f"the plugin failed to say: {type(error).__name__}: {error}")]


def ask(found: Explanation, values: Values, answers: Answers, earlier: Iterable[Rule]) -> Asked:
    """Evaluate a rule for an event with *values*; the first of the *earlier* rules that also matches is reported.

    :param answers: tells what checks said whose values are not known.
    """
    condition = found.condition
    traced = trace(condition.expr, values, answers)
    before = next((rule for rule in earlier if trace(rule.condition, values).answer), None) if traced.answer else None
    wanted = {found.expr: found for found in (reasons(traced) or tuple(undecided(traced)))}
    checks = {
        found.expr: (part, found) for part, found in _checks(condition, traced) if wanted.get(found.expr) is found
    }
    return Asked(traced, list(checks.values()), before)


def earlier_rules(rule: Rule, loaded: LoadedRules) -> list[Rule]:
    """Return the enabled rules of the same source that precede *rule* and may match the same events."""
    rules = loaded.outcome.ruleset.enabled(rule.source)
    before = itertools.takewhile(lambda other: other.name != rule.name, rules)
    return [other for other in before if _meet(other.event_types, rule.event_types)]


def _meet(types: frozenset[str] | None, others: frozenset[str] | None) -> bool:
    return types is None or others is None or not types.isdisjoint(others)


def _checks(part: Outline, traced: Traced) -> Iterator[tuple[Outline, Traced]]:
    if not part.items:
        yield part, traced
    for item, found in zip(part.items, traced.items, strict=True):
        yield from _checks(item, found)


def _named(refs: Iterable[FieldRef]) -> tuple[str, ...]:
    return tuple(sorted({ref.field.name for ref in refs}))
