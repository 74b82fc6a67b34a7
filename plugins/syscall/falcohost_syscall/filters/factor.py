"""Tests once what several alternatives share: ``(a and x) or (b and x)`` becomes ``(a or b) and x``.

Rules name the same exceptions again and again, and the kernel verifies the program at each start. A leaf that the
kernel cannot decide for an event counts as true wherever it stands, negated or not, so all steps here are laws of
lattices: none says that a test or its negation has to hold, or that both cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from heapq import heapify, heappop, heappush
from typing import Final

from falcohost_syscall.filters.condition import All, Any, Condition, Literal
from falcohost_syscall.filters.cost import Cost, of_all, of_any, of_literal, soonest
from falcohost_syscall.filters.merge import united

#: The numbers of what is always true, and of what never is.
_TRUE: Final = 0
_FALSE: Final = 1


def factored(condition: Condition) -> Condition:
    """Return an equivalent of *condition* with less to test; each ``and`` begins with what is likely to end it soon."""
    nodes = _Nodes()
    return nodes.condition(_Factoring(nodes).of(nodes.of(condition)))


class _Nodes:
    """Conditions by number: equal ones have one number, so that they are compared and kept as numbers."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._made: list[Condition | None] = []
        self._seen: dict[int, int] = {}
        self._literals: list[Literal | None] = []
        self.kinds: list[type[All] | type[Any] | None] = []
        self.items: list[tuple[int, ...]] = []
        self.costs: list[Cost] = []
        self._parts: dict[int, frozenset[int]] = {}
        for kind in (All, Any):
            self._new(kind, ())

    def of(self, condition: Condition) -> int:
        """Return the number of *condition*."""
        if isinstance(condition, Literal):
            return self._literal(condition)
        found = self._seen.get(id(condition))
        if found is None:
            found = self._seen[id(condition)] = self.join(type(condition), map(self.of, condition.items))
        return found

    def join(self, kind: type[All] | type[Any], items: Iterable[int]) -> int:
        """Return the number of the conjunction or disjunction of *items*, flat and without redundant ones."""
        decisive = _FALSE if kind is All else _TRUE
        found: dict[int, None] = {}
        for item in items:
            if self.kinds[item] is kind:  # what is neutral is one without items
                found.update(dict.fromkeys(self.items[item]))
            elif item == decisive:
                return decisive
            else:
                found[item] = None
        return next(iter(found)) if len(found) == 1 else self._new(kind, tuple(found))

    def within(self, number: int) -> frozenset[int]:
        """Return the numbers of all parts of a condition, and its own."""
        found = self._parts.get(number)
        if found is None:
            found = self._parts[number] = frozenset((number,)).union(*map(self.within, self.items[number]))
        return found

    def condition(self, number: int) -> Condition:
        """Return the condition with this number."""
        made = self._made[number]
        if made is None:
            kind = self.kinds[number]
            assert kind is not None
            made = self._made[number] = kind(tuple(map(self.condition, self.items[number])))
        return made

    def _literal(self, literal: Literal) -> int:
        if literal not in self._numbers:
            self._add(literal, literal, None, (), of_literal(literal))
        return self._numbers[literal]

    def _new(self, kind: type[All] | type[Any], items: tuple[int, ...]) -> int:
        key = kind, items
        if key not in self._numbers:
            cost = (of_all if kind is All else of_any)([self.costs[item] for item in items])
            self._add(key, None, kind, items, cost)
        return self._numbers[key]

    def _add(
        self,
        key: object,
        made: Condition | None,
        kind: type[All] | type[Any] | None,
        items: tuple[int, ...],
        cost: Cost,
    ) -> None:
        self._numbers[key] = len(self.items)
        self._made.append(made)
        self.kinds.append(kind)
        self.items.append(items)
        self.costs.append(cost)


class _Factoring:
    """Rewrites conditions, which are numbers of *nodes*."""

    def __init__(self, nodes: _Nodes) -> None:
        self._nodes = nodes
        self._known: dict[int, int] = {}

    def of(self, number: int) -> int:
        """Return an equivalent of the condition."""
        found = self._known.get(number)
        if found is None:
            found = self._known[number] = self._new(number)
        return found

    def _new(self, number: int) -> int:
        nodes, kind = self._nodes, self._nodes.kinds[number]
        if kind is None:
            return number
        joined = self._united(nodes.join(kind, map(self.of, nodes.items[number])))
        simpler = self._beside_each_other(joined)
        if simpler != joined:
            return self.of(simpler)
        if kind is All or nodes.kinds[joined] is not Any:
            return self._in_order(joined)
        return nodes.join(Any, self._grouped(nodes.items[joined]))

    def _united(self, number: int) -> int:
        """Join tests of the same text or number into one."""
        nodes, kind = self._nodes, self._nodes.kinds[number]
        tests = [one for one in nodes.items[number] if nodes.kinds[one] is None]
        if kind is None or len(tests) < 2:
            return number
        joined = united(kind, map(nodes.condition, tests))
        if len(joined) == len(tests):
            return number
        rest = (one for one in nodes.items[number] if nodes.kinds[one] is not None)
        return nodes.join(kind, (*map(nodes.of, joined), *rest))

    def _beside_each_other(self, number: int) -> int:
        """Leave out of each item what its siblings say: in an ``and`` they are true there, in an ``or`` false."""
        nodes, kind = self._nodes, self._nodes.kinds[number]
        if kind is None:
            return number
        items, value = nodes.items[number], _TRUE if kind is All else _FALSE
        siblings = frozenset(items)
        return nodes.join(kind, (self._without(item, siblings - {item}, value, {}) for item in items))

    def _without(self, number: int, what: Set[int], value: int, known: dict[int, int]) -> int:
        if number in what:
            return value
        kind = self._nodes.kinds[number]
        if kind is None or self._nodes.within(number).isdisjoint(what):
            return number
        found = known.get(number)
        if found is None:
            items = (self._without(item, what, value, known) for item in self._nodes.items[number])
            found = known[number] = self._nodes.join(kind, items)
        return found

    def _in_order(self, number: int) -> int:
        nodes = self._nodes
        if nodes.kinds[number] is not All:
            return number
        return nodes.join(All, sorted(nodes.items[number], key=lambda item: soonest(nodes.costs[item])))

    def _grouped(self, alternatives: Iterable[int]) -> Iterable[int]:
        """Take out of *alternatives* what they share; what saves most comes first."""
        left = _Alternatives(self._nodes, alternatives)
        while (places := left.alike()) is not None:
            members = [left.take(place) for place in places]
            shared = set(members[0]).intersection(*members)
            common = [part for part in members[0] if part in shared]
            rest = (self._nodes.join(All, (part for part in parts if part not in shared)) for parts in members)
            group = self._nodes.join(All, (*common, self.of(self._nodes.join(Any, rest))))
            left.put(places[0], self._in_order(group))
        return left.all()


class _Alternatives:
    """The items of a disjunction, and which of them have which parts."""

    def __init__(self, nodes: _Nodes, alternatives: Iterable[int]) -> None:
        self._nodes = nodes
        self._left: dict[int, int] = {}
        self._having: dict[int, set[int]] = {}
        for place, one in enumerate(alternatives):
            self.put(place, one)
        self._best = [(-self._saved(part), part) for part, places in self._having.items() if len(places) > 1]
        heapify(self._best)

    def put(self, place: int, one: int) -> None:
        """Add an alternative."""
        self._left[place] = one
        for part in self._parts(one):
            self._having.setdefault(part, set()).add(place)

    def take(self, place: int) -> tuple[int, ...]:
        """Remove an alternative; return its parts."""
        parts = self._parts(self._left.pop(place))
        for part in parts:
            self._having[part].remove(place)
        return parts

    def alike(self) -> Sequence[int] | None:
        """Return the places of the alternatives that have the part in common that is dearest, if there is any."""
        while self._best:
            expected, part = heappop(self._best)
            if len(self._having[part]) < 2:
                continue
            if -expected == self._saved(part):
                return sorted(self._having[part])
            heappush(self._best, (-self._saved(part), part))
        return None

    def all(self) -> Iterable[int]:
        """Return the alternatives in order."""
        return [self._left[place] for place in sorted(self._left)]

    def _saved(self, part: int) -> int:
        return (len(self._having[part]) - 1) * self._nodes.costs[part].size

    def _parts(self, number: int) -> tuple[int, ...]:
        return self._nodes.items[number] if self._nodes.kinds[number] is All else (number,)
