"""Finds the rules that an event matches, with one search per event type, built for the first event of that type.

Each rule is indexed by a witness, so that only rules that may match an event are evaluated. A few rules share one
generated function (:mod:`falcohost.engine.index.direct`); for many rules an index finds the candidates, and each rule
has a function of its own (:mod:`falcohost.engine.index.indexed`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from falcohost.engine.code.specialise import FALSE, named_types, specialise, type_names
from falcohost.engine.index.direct import DirectSearch
from falcohost.engine.index.indexed import IndexedSearch
from falcohost.engine.index.witness import Witness
from falcohost.engine.ir import Expr, checks
from falcohost.engine.unknown import possible

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule
    from falcohost.events import Event

Search: TypeAlias = Callable[["Event"], "Sequence[Rule]"]

#: Most rules in one generated function; Python compiles long functions slowly.
FEW = 64


class Matcher:
    """Finds the rules that an event matches, in the order of *rules*.

    A rule whose condition reads a field of a lookup is *open*: it is found if its condition is true or may become true.

    :param rules: the enabled rules of one source.
    :param first: stop at the first rule that matches (``rule_matching: first``); open rules do not count.
    """

    def __init__(self, rules: Sequence[Rule], *, first: bool = True) -> None:
        self.rules = tuple(rules)
        self._first = first
        self._searches = _Searches(self.rules, first)
        self._open = self._searches.open
        self._by_type = {name: self._unmade(name) for name in self._searches.types}
        self._any = self._unmade(None)

    def match(self, event: Event) -> Sequence[Rule]:
        """Return the rules that *event* matches, () if none; with *first*, up to the first one that counts."""
        return self._by_type.get(event.type, self._any)(event)

    def match_views(self, views: Sequence[Event]) -> list[tuple[Rule, Event]]:
        """Return the rules that match one of the *views* of an event, in order, each with the first such view.

        Each view is evaluated alone, so that no rule matches a mixture of two views. An open rule is returned with each
        view that it may match.
        """
        found: dict[int, list[tuple[Rule, Event]]] = {}
        for view in views:
            for rule in self.match(view):
                number = self._numbers[id(rule)]
                if number not in found or number in self._open:
                    found.setdefault(number, []).append((rule, view))
        matches: list[tuple[Rule, Event]] = []
        for number in sorted(found):
            matches += found[number]
            if self._first and number not in self._open:
                break
        return matches

    @functools.cached_property
    def _numbers(self) -> dict[int, int]:
        """The place of each rule in the order."""
        return {id(rule): number for number, rule in enumerate(self.rules)}

    def candidates(self, event: Event) -> tuple[Rule, ...]:
        """Return the rules that :meth:`match` may evaluate for *event*, in order. Slow; for statistics only."""
        return tuple(self.rules[number] for number in self._searches.of(event.type).candidates(event))

    def filed(self, rule: Rule, event_type: str | None) -> Witness | None:
        """Return the witness of *rule* in the index of *event_type*; None: it is always evaluated, or never.

        :param event_type: None: any type that no rule names.
        """
        return self._searches.of(event_type).index.chosen.get(self.rules.index(rule))

    def _unmade(self, event_type: str | None) -> Search:
        """Return a search that builds the real one for the first event."""

        def search(event: Event) -> Sequence[Rule]:
            made = self._searches.of(event_type).search
            if event_type is None:
                self._any = made
            else:
                self._by_type[event_type] = made
            return made(event)

        return search


class _Searches:
    """Builds the searches; event types with the same rules and the same remaining conditions share one.

    :ivar types: the event types that some rule names; all others share one search.
    :ivar open: the numbers of the open rules.
    """

    def __init__(self, rules: Sequence[Rule], first: bool) -> None:
        self._rules = rules
        self._conditions = [possible(rule.condition) for rule in rules]
        self.open = frozenset(n for n, rule in enumerate(rules) if self._conditions[n] is not rule.condition)
        self._first = first
        self._results = [(rule,) for rule in rules]
        self._named: dict[int, tuple[frozenset[str], ...]] = {}
        self._variants: dict[tuple[int, tuple[bool, ...]], Expr] = {}
        self._made: dict[tuple[tuple[int, int], ...], DirectSearch | IndexedSearch] = {}
        self._by_type: dict[str | None, DirectSearch | IndexedSearch] = {}
        types = {name for rule in rules for name in rule.event_types or ()}
        self.types = types.union(*(named_types(rule.condition) for rule in rules if rule.event_types is None))

    def of(self, event_type: str | None) -> DirectSearch | IndexedSearch:
        """Return the search for *event_type*."""
        known = event_type if event_type in self.types else None
        if known not in self._by_type:
            self._by_type[known] = self._make(known)
        return self._by_type[known]

    def _make(self, event_type: str | None) -> DirectSearch | IndexedSearch:
        conditions = {}
        for number, rule in enumerate(self._rules):
            if rule.event_types is None or event_type in rule.event_types:
                condition = self._variant(number, event_type)
                if condition is not FALSE:
                    conditions[number] = condition
        key = tuple((number, id(condition)) for number, condition in conditions.items())
        if key not in self._made:
            make = DirectSearch if len(conditions) <= FEW else IndexedSearch
            decisive = conditions.keys() - self.open if self._first else frozenset()
            self._made[key] = make(conditions, self._results, decisive)
        return self._made[key]

    def _variant(self, number: int, event_type: str | None) -> Expr:
        """Return a rule's condition specialised for a type; types that its checks do not tell apart share it."""
        condition = self._conditions[number]
        if number not in self._named:
            named = map(type_names, checks(condition))
            self._named[number] = tuple(dict.fromkeys(frozenset(names) for names in named if names))
        key = (number, tuple(event_type in names for names in self._named[number]))
        if key not in self._variants:
            self._variants[key] = specialise(condition, event_type)
        return self._variants[key]
