"""All that there is to say of one rule: its condition, what it is filed under, what is collected because of it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from falcohost.cli.rules_files import Loaded
from falcohost.engine.explain.reasons import reasons, undecided
from falcohost.engine.explain.trace import Traced, Values, trace
from falcohost.engine.index.witness import Witness, witness
from falcohost.engine.ir import FieldRef, fields
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.hookspecs import SourceSpec
from falcohost.rules.definitions import RuleDef
from falcohost.rules.outline import Origin, Outline, Written, origin, origins, outline, written
from falcohost.rules.rule_compiler import CompiledRule


@dataclass(frozen=True, slots=True)
class Collected:
    """What a source is asked for because of one rule.

    :ivar types: the event types; None: all that there are.
    :ivar alone: those of them that no other enabled rule wants.
    :ivar asked: the fields that the condition reads; *told*: those that only the output reads.
    :ivar pushed: of which events, and what of the rule the source decides or reads before they are the engine's.
    """

    types: tuple[str, ...] | None
    alone: tuple[str, ...]
    asked: tuple[str, ...]
    told: tuple[str, ...]
    pushed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Filed:
    """How the matcher finds a rule for events of *types*; None: of all types.

    :ivar own: the witness of the rule alone; None if it has none.
    :ivar among: what it is filed under among the others; None if it is asked of every such event.
    """

    types: tuple[str, ...] | None
    own: Witness | None
    among: Witness | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One rule, explained.

    :ivar filed: by event types.
    """

    rule: Rule
    definition: RuleDef
    where: Origin
    written: Sequence[Written]
    condition: Outline
    origins: Sequence[Origin]
    filed: Sequence[Filed]
    collected: Collected


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of the rule for an event.

    :ivar checks: the fewest checks that make the answer what it is; where it is unknown, those on which it hangs.
    :ivar before: the rule that is reported in its place: it matches too, and comes first.
    """

    traced: Traced
    checks: Sequence[tuple[Outline, Traced]]
    before: Rule | None = None


class Explainer:
    """Explains rules of what was loaded."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
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
        )

    def _filed(self, rule: Rule) -> Iterator[Filed]:
        """Yield how *rule* is found among the enabled rules of its source, event types that are alike together."""
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
        asked = _named(fields(rule.condition))
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
        return [("what else", f"the source cannot tell: {type(error).__name__}: {error}")]


def ask(found: Explanation, values: Values, earlier: Iterable[Rule]) -> Asked:
    """Ask a rule of an event with *values*; of the rules *earlier* the first that matches is reported, if one does."""
    condition = found.condition
    traced = trace(condition.expr, values)
    before = next((rule for rule in earlier if trace(rule.condition, values).answer), None) if traced.answer else None
    wanted = {found.expr: found for found in (reasons(traced) or tuple(undecided(traced)))}
    checks = {
        found.expr: (part, found) for part, found in _checks(condition, traced) if wanted.get(found.expr) is found
    }
    return Asked(traced, list(checks.values()), before)


def earlier_rules(rule: Rule, loaded: Loaded) -> list[Rule]:
    """Return the enabled rules of its source that come before *rule* and may match the same events."""
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
