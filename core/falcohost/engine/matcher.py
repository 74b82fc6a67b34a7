"""Which rules an event matches: a search for each event type, made when the first event of that type comes.

Each rule is filed under a witness, so that an event meets only the rules that may match it. Where they are few they
stand in one generated function (:mod:`falcohost.engine.index.direct`); where they are many, an index finds the
candidates and each rule has a function of its own (:mod:`falcohost.engine.index.indexed`).
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

#: How many rules one generated function holds; Python compiles long functions slowly.
FEW = 64


class Matcher:
    """Finds the rules that an event matches, in the order of *rules*.

    A rule whose condition reads a field of a lookup is *open*: it is found where its condition holds or may come to.

    :param rules: the enabled rules of one source.
    :param first: stop at the first that matches (``rule_matching: first``); those that are open do not count.
    """

    def __init__(self, rules: Sequence[Rule], *, first: bool = True) -> None:
        self.rules = tuple(rules)
        self._first = first
        self._searches = _Searches(self.rules, first)
        self._open = self._searches.open
        self._by_type = {name: self._unmade(name) for name in self._searches.types}
        self._any = self._unmade(None)

    def match(self, event: Event) -> Sequence[Rule]:
        """Return the rules that *event* matches: () when none, up to the first when only that counts."""
        return self._by_type.get(event.type, self._any)(event)

    def match_views(self, views: Sequence[Event]) -> list[tuple[Rule, Event]]:
        """Return the rules that match one of the *views* of an event, in order, each with the first such view.

        Each view is asked by itself, so no rule matches by one part of one view and another part of another. A rule
        that is open comes with each view that it may match.
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
        """Return the rules that :meth:`match` may ask about *event*, in order; slow, for people who want to know."""
        return tuple(self.rules[number] for number in self._searches.of(event.type).candidates(event))

    def filed(self, rule: Rule, event_type: str | None) -> Witness | None:
        """Return what *rule* is filed under for events of *event_type*; None if it is always asked, or never.

        :param event_type: None stands for any type that no rule names.
        """
        return self._searches.of(event_type).index.chosen.get(self.rules.index(rule))

    def _unmade(self, event_type: str | None) -> Search:
        """Return a search that makes the real one when the first event comes."""

        def search(event: Event) -> Sequence[Rule]:
            made = self._searches.of(event_type).search
            if event_type is None:
                self._any = made
            else:
                self._by_type[event_type] = made
            return made(event)

        return search


class _Searches:
    """Makes the searches; event types for which the same is left of the same rules share one.

    :ivar types: the event types that some rule names; all others are alike.
    :ivar open: the numbers of the rules that are open.
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
        """Return what is left of a rule's condition; the same object for all types that its checks cannot tell."""
        condition = self._conditions[number]
        if number not in self._named:
            named = map(type_names, checks(condition))
            self._named[number] = tuple(dict.fromkeys(frozenset(names) for names in named if names))
        key = (number, tuple(event_type in names for names in self._named[number]))
        if key not in self._variants:
            self._variants[key] = specialise(condition, event_type)
        return self._variants[key]
