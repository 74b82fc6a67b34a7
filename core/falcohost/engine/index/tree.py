"""The data of an index: rules of one event type by witness, arranged by the fields to look up.

:mod:`falcohost.engine.index.direct` and :mod:`falcohost.engine.index.indexed` generate the code that uses it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any

from msgspec import Struct, field

from falcohost.engine.index.filing import FOUND, file
from falcohost.engine.index.terms import Form, Kind, Term
from falcohost.engine.index.weights import Facility, Weights, facility
from falcohost.engine.index.witness import Witness, witnesses
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, Transform, fields, operand_fields

#: If more than this share of events is expected to fulfil a rule's witness, the rule gets a second one.
OFTEN = 0.1

#: So does each of this many rules, or more, that one value finds at once.
TOGETHER = 4


class Drawer(Struct, frozen=True):
    """One lookup of an operand: for each value, the numbers of its rules in order."""

    kind: Kind
    form: Form
    several: bool
    filed: Mapping[Any, tuple[int, ...]]


class DirectCheck(Struct, frozen=True):
    """A check that is evaluated directly, and the numbers of its rules; *which* is the lookup that it replaces."""

    check: Check | Exists
    numbers: tuple[int, ...]
    which: Facility


class Index(Struct, frozen=True):
    """The lookups that find the rules that may match an event.

    :ivar drawers: lookups by operand.
    :ivar always: numbers of the rules that are evaluated for every event.
    :ivar chosen: the witness that each rule is indexed by; None if it is in *always*.
    """

    drawers: Mapping[FieldRef | Transform, Sequence[Drawer]]
    tests: Sequence[DirectCheck]
    always: tuple[int, ...]
    chosen: Mapping[int, Witness | None]

    @property
    def known(self) -> tuple[FieldRef, ...]:
        """Return the fields that are read from every event."""
        operands = chain(self.drawers, (test.check.left for test in self.tests))
        return tuple(dict.fromkeys(ref for operand in operands for ref in operand_fields(operand)))


class _Pile(Struct):
    """A lookup under construction."""

    terms: dict[Term, None] = field(default_factory=dict)
    filed: dict[Any, dict[int, None]] = field(default_factory=dict)
    numbers: dict[int, None] = field(default_factory=dict)

    def add(self, term: Term, number: int) -> None:
        self.terms[term] = None
        self.numbers[number] = None
        for value in term.values:
            self.filed.setdefault(value, {})[number] = None


def make_index(
    conditions: Mapping[int, Expr],
    always: float,
    without: frozenset[Facility] = frozenset(),
    among: Mapping[int, Expr] | None = None,
) -> Index:
    """Return the index of the rules with these *conditions*, in the order of their numbers.

    :param always: the cost of evaluating a rule for every event; see :mod:`falcohost.engine.index.filing`.
    :param without: lookups that have been used already.
    :param among: the conditions from which is estimated what is rare, if these are a part of them.
    """
    weights = Weights((among or conditions).values())
    options = [
        [found for found in witnesses(expr, weights) if without.isdisjoint(map(facility, found.terms))]
        for expr in conditions.values()
    ]
    return _arrange(dict(zip(conditions, file(options, always), strict=True)))


def refined(index: Index, conditions: Mapping[int, Expr]) -> Index | None:
    """Return a second index, by other checks, of the rules that *index* finds often, or many at once.

    None if that would not help.
    """
    crowded = _crowded(index)
    often = {
        number: found
        for number, found in index.chosen.items()
        if found and (found.likelihood > OFTEN or number in crowded)
    }
    without = frozenset(facility(term) for found in often.values() for term in found.terms)
    second = make_index({number: conditions[number] for number in often}, FOUND, without, conditions)
    return second if len(second.always) < len(often) else None


def _crowded(index: Index) -> frozenset[int]:
    """Return the numbers of the rules that *index* finds with others by one value, if these are many."""
    every = (numbers for drawers in index.drawers.values() for one in drawers for numbers in one.filed.values())
    return frozenset(number for numbers in every if len(numbers) >= TOGETHER for number in numbers)


def known_first(condition: Expr, known: Collection[FieldRef]) -> Expr:
    """Return *condition* with the parts of an ``and`` that read only *known* fields first.

    The result is the same, but fields after a false part are never read.
    """
    if not isinstance(condition, And):
        return condition
    return And(tuple(sorted(condition.items, key=lambda item: any(ref not in known for ref in fields(item)))))


def _arrange(chosen: Mapping[int, Witness | None]) -> Index:
    piles: dict[Facility, _Pile] = {}
    for number, found in chosen.items():
        for term in found.terms if found else ():
            piles.setdefault(facility(term), _Pile()).add(term, number)
    tests: list[DirectCheck] = []
    drawers: dict[FieldRef | Transform, list[Drawer]] = {}
    for which, pile in piles.items():
        first = next(iter(pile.terms))
        if len(pile.terms) == 1:  # evaluating the check directly is as good
            tests.append(DirectCheck(first.check, tuple(pile.numbers), which))
            continue
        filed = {value: tuple(numbers) for value, numbers in pile.filed.items()}
        drawers.setdefault(first.operand, []).append(Drawer(first.kind, first.form, first.several, filed))
    always = tuple(number for number, found in chosen.items() if found is None)
    return Index(drawers, tests, always, chosen)
