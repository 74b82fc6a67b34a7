"""An index: rules of one event type, filed under witnesses, and arranged by the fields that must be looked up.

It is data alone; :mod:`falcohost.engine.index.direct` and :mod:`falcohost.engine.index.indexed` write the code that
uses it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from falcohost.engine.index.filing import FOUND, file
from falcohost.engine.index.terms import Form, Kind, Term
from falcohost.engine.index.weights import Facility, Weights, facility
from falcohost.engine.index.witness import Witness, witnesses
from falcohost.engine.ir import And, Check, Exists, Expr, FieldRef, Transform, fields, operand_fields

#: A rule that more than this share of events is expected to fulfil the witness of is worth another.
OFTEN = 0.1


@dataclass(frozen=True, slots=True)
class Drawer:
    """What is looked up in one way by one operand: under each value the numbers of the rules filed there, in order."""

    kind: Kind
    form: Form
    several: bool
    filed: Mapping[Any, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Test:
    """A check that is asked as it is, and the numbers of the rules that wait for it, which would share *which*."""

    check: Check | Exists
    numbers: tuple[int, ...]
    which: Facility


@dataclass(frozen=True, slots=True)
class Index:
    """Where to look for the rules that may match an event.

    :ivar drawers: by the operand that is to be read.
    :ivar always: the numbers of the rules that have to be asked whatever the event is.
    :ivar chosen: by rule, what it is filed under.
    """

    drawers: Mapping[FieldRef | Transform, Sequence[Drawer]]
    tests: Sequence[Test]
    always: tuple[int, ...]
    chosen: Mapping[int, Witness | None]

    @property
    def known(self) -> tuple[FieldRef, ...]:
        """Return the fields that are read of every event."""
        operands = chain(self.drawers, (test.check.left for test in self.tests))
        return tuple(dict.fromkeys(ref for operand in operands for ref in operand_fields(operand)))


@dataclass(slots=True)
class _Pile:
    """What is filed in one place, while it is being filed."""

    terms: dict[Term, None] = field(default_factory=dict)
    filed: dict[Any, dict[int, None]] = field(default_factory=dict)
    numbers: dict[int, None] = field(default_factory=dict)

    def add(self, term: Term, number: int) -> None:
        self.terms[term] = None
        self.numbers[number] = None
        for value in term.values:
            self.filed.setdefault(value, {})[number] = None


def make_index(conditions: Mapping[int, Expr], always: float, without: frozenset[Facility] = frozenset()) -> Index:
    """Return the index of the rules with these *conditions*, in the order of their numbers.

    :param always: what it costs to ask a rule whatever the event is; see :mod:`falcohost.engine.index.filing`.
    :param without: what they are known to fulfil already, and cannot be filed under again.
    """
    weights = Weights(conditions.values())
    options = [
        [found for found in witnesses(expr, weights) if without.isdisjoint(map(facility, found.terms))]
        for expr in conditions.values()
    ]
    return _arrange(dict(zip(conditions, file(options, always), strict=True)))


def refined(index: Index, conditions: Mapping[int, Expr]) -> Index | None:
    """Return another index of the rules that are often found in *index*, by what else must hold for them.

    None if there is nothing to gain.
    """
    often = {number: found for number, found in index.chosen.items() if found and found.likelihood > OFTEN}
    without = frozenset(facility(term) for found in often.values() for term in found.terms)
    second = make_index({number: conditions[number] for number in often}, FOUND, without)
    return second if len(second.always) < len(often) else None


def known_first(condition: Expr, known: Collection[FieldRef]) -> Expr:
    """Return *condition* with those parts in front, of those that must hold, that read nothing but *known* fields.

    The order of parts decides nothing, but what is behind one that fails is never read.
    """
    if not isinstance(condition, And):
        return condition
    return And(tuple(sorted(condition.items, key=lambda item: any(ref not in known for ref in fields(item)))))


def _arrange(chosen: Mapping[int, Witness | None]) -> Index:
    piles: dict[Facility, _Pile] = {}
    for number, found in chosen.items():
        for term in found.terms if found else ():
            piles.setdefault(facility(term), _Pile()).add(term, number)
    tests: list[Test] = []
    drawers: dict[FieldRef | Transform, list[Drawer]] = {}
    for which, pile in piles.items():
        first = next(iter(pile.terms))
        if len(pile.terms) == 1:  # the check itself says as much
            tests.append(Test(first.check, tuple(pile.numbers), which))
            continue
        filed = {value: tuple(numbers) for value, numbers in pile.filed.items()}
        drawers.setdefault(first.operand, []).append(Drawer(first.kind, first.form, first.several, filed))
    always = tuple(number for number, found in chosen.items() if found is None)
    return Index(drawers, tests, always, chosen)
