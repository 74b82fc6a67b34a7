"""Compiles the rules of one source for the pipeline: the plan for the source and the matching functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from falcohost.engine import ir
from falcohost.engine.lookup_fields import finders
from falcohost.engine.matcher import Matcher
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.engine.unknown import reads_lookup
from falcohost.events import Event, Plan
from falcohost.pipeline.faults import SingleRules
from falcohost.pipeline.frozen import Freezer
from falcohost.pipeline.lookups import LoadedLookup
from falcohost.pipeline.patterns import have_patterns
from falcohost.pipeline.undecided import CutRules

Match: TypeAlias = Callable[[Event], Sequence[Rule]]
MatchViews: TypeAlias = Callable[[Sequence[Event]], Sequence[tuple[Rule, Event]]]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one source.

    :ivar plan: the plan for the source.
    :ivar match: returns the rules that an event matches, or may match if a lookup has not answered yet.
    :ivar match_views: the same for an event with several views; returns each rule with the view that it matches.
    :ivar single: the rules one by one, for events on which one of them fails.
    :ivar first: report only the first rule that an event matches.
    :ivar cut: the same rules, for events whose fields are not all known yet.
    :ivar lookups: the lookups whose fields the rules read.
    :ivar patterns: they may take RE2.
    """

    plan: Plan
    match: Match
    match_views: MatchViews
    cut: CutRules
    single: SingleRules
    first: bool = True
    lookups: tuple[LoadedLookup, ...] = ()
    patterns: bool = False
    _asking: frozenset[int] = frozenset()
    _freezers: dict[int, Freezer] = field(default_factory=dict)

    @classmethod
    def compiled(cls, source: str, rules: Sequence[Rule], *, first: bool, collected: Sequence[Rule] = ()) -> Rules:
        """Compile *rules*, the enabled ones of *source*.

        :param collected: what these ask for is in the plan too, but they match nothing.
        """
        matcher = Matcher(rules, first=first)
        asked = {id(rule): any(True for _ in _lookups(rule)) for rule in rules}
        return cls(
            make_plan(source, (*rules, *collected)),
            matcher.match,
            matcher.match_views,
            CutRules(rules, first=first),
            SingleRules(rules, first=first),
            first,
            lookups_of(rules),
            have_patterns((*rules, *collected)),
            frozenset(rule for rule, asks in asked.items() if asks),
        )

    def reads_lookup(self, rule: Rule) -> bool:
        """Return whether *rule*, one of these, reads a field of a lookup."""
        return id(rule) in self._asking

    def freezer(self, rule: Rule) -> Freezer:
        """Return the freezer of *rule*, one of these; it is created once."""
        found = self._freezers.get(id(rule))
        if found is None:
            found = self._freezers[id(rule)] = Freezer(rule)
        return found


def lookups_of(rules: Iterable[Rule]) -> tuple[LoadedLookup, ...]:
    """Return the lookups whose fields *rules* read."""
    return tuple(dict.fromkeys(lookup for rule in rules for lookup in _lookups(rule)))


def _lookups(rule: Rule) -> Iterator[LoadedLookup]:
    """Yield the lookups whose fields *rule* reads."""
    asked = ir.fields(rule.condition) if reads_lookup(rule.condition) else ()
    for ref in (*asked, *rule.output.fields):
        yield from (one for one in finders(ref) if isinstance(one, LoadedLookup))
