"""Chooses the witness that each rule is indexed by: the rarest, unless too few rules use the lookup for it.

A lookup costs time for every event, mostly to read the field. Indexing a rule by a likelier witness, or evaluating it
always, costs time for the events that it does not match. Both costs are estimated in one unit (about a microsecond),
and a lookup is dropped if its rules cost less elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from falcohost.engine.index.terms import Kind, Term
from falcohost.engine.index.weights import Facility, facility
from falcohost.engine.index.witness import Witness
from falcohost.engine.ir import Transform
from falcohost.engine.operands import value_type
from falcohost.fields import Compare, Family

#: Cost of evaluating a rule that does not match: one that the index found, and one inside the function of the lookup.
FOUND, INLINE = 0.7, 0.5

_LOOKUP = {Kind.EQUAL: 0.1, Kind.PREFIX: 0.4, Kind.SUFFIX: 0.5, Kind.SUBSTRING: 0.6, Kind.TEST: 0.1}


def file(options: Sequence[Sequence[Witness]], always: float) -> list[Witness | None]:
    """Return for each rule one of its *options*, or None: evaluate it always, at the cost *always*."""
    return _Filing(options, always).chosen


class _Filing:
    def __init__(self, options: Sequence[Sequence[Witness]], always: float) -> None:
        self._always = always
        self._options = [sorted(found, key=lambda one: one.likelihood) for found in options]
        self._facilities: dict[Witness, frozenset[Facility]] = {}
        self._closed: set[Facility] = set()
        self._users: dict[Facility, set[int]] = {}
        self._prices: dict[Facility, float] = {}
        self.chosen: list[Witness | None] = [found[0] if found else None for found in self._options]
        for rule, found in enumerate(self.chosen):
            self._use(rule, found)
        while self._close_some():
            pass

    def _use(self, rule: int, found: Witness | None) -> None:
        for term in found.terms if found else ():
            which = facility(term)
            self._users.setdefault(which, set()).add(rule)
            self._prices.setdefault(which, _price(term))

    def _close_some(self) -> bool:
        """Drop each lookup that costs more than it saves, least used first; return whether any was dropped."""
        closed = False
        for which in sorted(self._users, key=lambda known: len(self._users[known])):
            users = self._users[which]
            if not users:
                continue
            instead = {rule: self._best(rule, which) for rule in users}
            loss = sum(self._cost(found) - self._cost(self.chosen[rule]) for rule, found in instead.items())
            if loss < self._prices[which]:
                self._close(which, instead)
                closed = True
        return closed

    def _best(self, rule: int, without: Facility) -> Witness | None:
        """Return the rarest witness of *rule* that needs only existing lookups, and not *without*."""
        for found in self._options[rule]:
            if found.likelihood * FOUND >= self._always:
                return None
            used = self._facilities_of(found)
            if without not in used and used <= self._users.keys() and self._closed.isdisjoint(used):
                return found
        return None

    def _facilities_of(self, found: Witness) -> frozenset[Facility]:
        used = self._facilities.get(found)
        if used is None:
            used = self._facilities[found] = frozenset(map(facility, found.terms))
        return used

    def _close(self, which: Facility, instead: dict[int, Witness | None]) -> None:
        self._closed.add(which)
        for rule, found in instead.items():
            former = self.chosen[rule]
            for used in self._facilities_of(former) if former else ():
                self._users[used].discard(rule)
            self.chosen[rule] = found
            self._use(rule, found)

    def _cost(self, found: Witness | None) -> float:
        return self._always if found is None else found.likelihood * FOUND


def _price(term: Term) -> float:
    """Return the cost of the lookup of *term* per event: reading the value and finding it."""
    kind, operand = value_type(term.operand), term.operand
    if isinstance(operand, Transform) or isinstance(operand.arg, str):
        read = 1.5
    else:
        several = kind.is_list or kind.compare is not Compare.SCALAR
        read = 0.2 if kind.kind.family in (Family.BOOL, Family.NUMBER) and not several else 1.0
    return _LOOKUP[term.kind] + read
