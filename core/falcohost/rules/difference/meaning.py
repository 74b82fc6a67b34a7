"""Compares the meaning of two conditions: the same, wider, narrower, or other."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from falcohost.engine.explain.implication import Prover
from falcohost.engine.ir import Expr
from falcohost.rules.difference.diagram import Diagram, TooLarge
from falcohost.rules.difference.literals import Formula, Joined, Negated, formula, literals


class Relation(enum.Enum):
    """How the events that a new condition matches relate to those of the old one."""

    SAME = "the same events"
    WIDER = "more events"
    NARROWER = "fewer events"
    OTHER = "other events"
    UNKNOWN = "perhaps other events: the condition is too large to compare"


@dataclass(frozen=True, slots=True)
class Meaning:
    """How two conditions differ.

    :ivar added: the checks that only the new one has; *removed*: those that only the old one has.
    """

    relation: Relation
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def compare(old: Expr, new: Expr) -> Meaning:
    """Return how *new* differs from *old*; both are over the same fields."""
    before, after = formula(old), formula(new)
    relation = _relation(old, new, before, after)
    if relation is Relation.SAME:
        return Meaning(relation)
    had, has = _checks(before), _checks(after)
    return Meaning(relation, tuple(_only(has, had)), tuple(_only(had, has)))


def _relation(old: Expr, new: Expr, before: Formula, after: Formula) -> Relation:
    if _ordered(before) == _ordered(after):
        return Relation.SAME
    try:
        diagram = Diagram((before, after))
        first, second = diagram.of(before), diagram.of(after)
    except TooLarge:
        wider, narrower = False, False
        large = Relation.UNKNOWN
    else:
        if first == second:
            return Relation.SAME
        wider, narrower = diagram.implies(first, second), diagram.implies(second, first)
        large = Relation.OTHER
    prover = Prover()
    one, other = prover.known(old), prover.known(new)
    wider, narrower = wider or prover.implies(one, other), narrower or prover.implies(other, one)
    if wider and narrower:
        return Relation.SAME
    return Relation.WIDER if wider else Relation.NARROWER if narrower else large


def _ordered(found: Formula) -> object:
    """Return *found* in a form that is equal for formulas that differ only in order and repetition."""
    if isinstance(found, Negated):
        inner = found.item
        return _ordered(inner.item) if isinstance(inner, Negated) else ("not", _ordered(inner))
    if not isinstance(found, Joined):
        return found
    items: set[object] = set()
    for item in map(_ordered, found.items):
        nested = isinstance(item, tuple) and item[0] is found.all
        items.update(item[1] if nested and isinstance(item, tuple) else (item,))
    return next(iter(items)) if len(items) == 1 else (found.all, frozenset(items))


def _checks(found: Formula) -> Mapping[tuple[bool, str], set[str]]:
    """Return the values that *found* compares with, by what it compares, and whether that is negated."""
    checks: dict[tuple[bool, str], set[str]] = {}
    for negated, one in literals(found):
        checks.setdefault((negated, one.what), set()).update(one.values)
    return checks


def _only(these: Mapping[tuple[bool, str], set[str]], others: Mapping[tuple[bool, str], set[str]]) -> list[str]:
    """Return the checks, or values of checks, that are in *these* and not in *others*."""
    found = []
    for (negated, what), values in these.items():
        left = sorted(values - others.get((negated, what), set()))
        if left:
            told = what if left == [""] else f"{what} {left[0]}" if len(left) == 1 else f"{what} ({', '.join(left)})"
            found.append(f"not {told}" if negated else told)
    return found
