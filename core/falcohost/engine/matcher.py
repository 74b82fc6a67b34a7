"""Which rules an event matches. One generated function per event type asks all rules that can match such an event.

The functions are made once, from all rules of a source. Within one, a field is read once however many rules ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from falcohost.engine.codegen import Module
from falcohost.engine.ir import Expr
from falcohost.engine.specialise import FALSE, named_types, specialise

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule
    from falcohost.events import Event

Search: TypeAlias = Callable[["Event"], "Sequence[Rule]"]

#: How many rules one generated function holds; Python compiles long functions slowly.
CHUNK = 64


class Matcher:
    """Finds the rules that an event matches, in the order of *rules*.

    :param rules: the enabled rules of one source.
    :param first: stop at the first that matches (``rule_matching: first``).
    """

    def __init__(self, rules: Sequence[Rule], *, first: bool = True) -> None:
        self.rules = tuple(rules)
        self._by_type, self._any = _Builder(self.rules, first).build()

    def match(self, event: Event) -> Sequence[Rule]:
        """Return the rules that *event* matches: () when none, at most one when only the first counts."""
        return self._by_type.get(event.type, self._any)(event)


class _Builder:
    def __init__(self, rules: Sequence[Rule], first: bool) -> None:
        self._rules = rules
        self._first = first
        self._module = Module()
        self._results = [(rule,) for rule in rules]
        self._variants: list[Expr] = []
        self._known: dict[tuple[tuple[int, int], ...], list[str]] = {}

    def build(self) -> tuple[dict[str, Search], Search]:
        """Return the function for each event type that a rule names, and the one for all other types."""
        variants = [self._variants_of(rule) for rule in self._rules]
        types = {name for rule in self._rules for name in rule.event_types or ()}
        types |= {name for known in variants for name in known if name is not None}
        names = {event_type: self._names(event_type, variants) for event_type in types}
        other = self._names(None, variants)
        functions = self._module.functions()
        found = {event_type: self._search(functions, chunks) for event_type, chunks in names.items()}
        return found, self._search(functions, other)

    def _variants_of(self, rule: Rule) -> dict[str | None, int]:
        """Return what is left of the rule's condition for each type that it names, and (None) for all others."""
        numbers: dict[Expr, int] = {}
        variants: dict[str | None, int] = {}
        for event_type in (None, *sorted(named_types(rule.condition))):
            expr = specialise(rule.condition, event_type)
            if expr not in numbers:
                numbers[expr] = len(self._variants)
                self._variants.append(expr)
            variants[event_type] = numbers[expr]
        return variants

    def _names(self, event_type: str | None, variants: list[dict[str | None, int]]) -> list[str]:
        """Return the names of the functions that together search the rules for *event_type*."""
        cases = []
        for index, rule in enumerate(self._rules):
            if rule.event_types is None or event_type in rule.event_types:
                variant = variants[index].get(event_type, variants[index][None])
                if self._variants[variant] != FALSE:
                    cases.append((index, variant))
        key = tuple(cases)
        if key not in self._known:
            self._known[key] = [self._add(key[start : start + CHUNK]) for start in range(0, len(key), CHUNK)]
        return self._known[key]

    def _add(self, cases: Sequence[tuple[int, int]]) -> str:
        add = self._module.first if self._first else self._module.every
        return add([(self._variants[variant], self._results[index]) for index, variant in cases])

    def _search(self, functions: dict[str, Search], names: list[str]) -> Search:
        searches = [functions[name] for name in names]
        if not searches:
            return _nothing
        if len(searches) == 1:
            return searches[0]
        return _first_of(searches) if self._first else _all_of(searches)


def _nothing(event: Event) -> Sequence[Rule]:
    return ()


def _first_of(searches: Sequence[Search]) -> Search:
    def search(event: Event) -> Sequence[Rule]:
        for chunk in searches:
            found = chunk(event)
            if found:
                return found
        return ()

    return search


def _all_of(searches: Sequence[Search]) -> Search:
    def search(event: Event) -> Sequence[Rule]:
        return tuple(rule for chunk in searches for rule in chunk(event))

    return search
