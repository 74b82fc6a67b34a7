"""Estimates from the rules alone how likely an event is to fulfil a term of a witness.

Two observations are used: a long text is rarer than a short one, and values that many rules name are common in events
(``bash``, ``f`` for a file). If a field is compared with many values, each of them is rare.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from math import prod
from typing import Any, TypeAlias

from falcohost.engine.index.terms import Kind, Term, terms_of
from falcohost.engine.ir import And, Check, Exists, Expr, Not, Or

#: Operators that are true for about half of all values.
_WIDE = frozenset(("!=", "<", "<=", ">", ">="))

#: Probability that an event has one of the values that rules name.
NAMED = 0.5

#: Least probability of a value that is the only one that many rules compare with, such as flags and states.
USUAL, MANY = 0.3, 20

#: Identifies a lookup: an operand in one form and kind, or a single check that is evaluated directly.
Facility: TypeAlias = Hashable


def facility(term: Term) -> Facility:
    """Return the lookup that serves *term*."""
    return term.check if term.kind is Kind.TEST else (term.operand, term.kind, term.form)


class Weights:
    """Estimates for the terms of some rules.

    :param exprs: the conditions of all rules of one index.
    """

    def __init__(self, exprs: Iterable[Expr] = ()) -> None:
        self._terms: dict[Check | Exists, tuple[Term, ...]] = {}
        self._likelihoods: dict[Term, float] = {}
        self._uses: dict[Facility, Counter[Any]] = {}
        for expr in exprs:
            self._count(expr)
        self._totals = {which: uses.total() for which, uses in self._uses.items()}

    def terms(self, check: Check | Exists) -> tuple[Term, ...]:
        """Return the terms of *check*."""
        found = self._terms.get(check)
        if found is None:
            found = self._terms[check] = terms_of(check)
        return found

    def likelihood(self, term: Term) -> float:
        """Return the share of events, from 0 to 1, that are expected to fulfil *term*."""
        found = self._likelihoods.get(term)
        if found is None:
            found = self._likelihoods[term] = self._estimate(term)
        return found

    def _count(self, expr: Expr) -> None:
        if isinstance(expr, (And, Or)):
            for item in expr.items:
                self._count(item)
        elif not isinstance(expr, Not):
            for term in self.terms(expr):
                if term.values:
                    self._uses.setdefault(facility(term), Counter()).update(term.values)

    def any_of(self, terms: Iterable[Term]) -> float:
        """Return the share of events that are expected to fulfil one of *terms*."""
        return 1.0 - prod(1.0 - self.likelihood(term) for term in terms)

    def _estimate(self, term: Term) -> float:
        if term.kind is Kind.TEST:
            return 0.5 if isinstance(term.check, Exists) or term.check.op in _WIDE else 0.3
        which = facility(term)
        uses, total = self._uses.get(which, Counter()), self._totals.get(which, 0)
        likely = 0.0
        for value in term.values:
            share = (uses[value] + 1) / (total + 4)
            likely += max(min(rarity(term.kind, value), NAMED * share), USUAL * share if total > MANY else 0)
        return min((2 if term.several else 1) * likely, 1.0)


def rarity(kind: Kind, value: object) -> float:
    """Return the probability that some value equals, starts with, ends with or contains *value*."""
    if not isinstance(value, (str, bytes)):
        return 0.4 if isinstance(value, bool) else 0.2
    if kind is Kind.EQUAL:
        return max(0.7 ** len(value), 0.002)
    return max(2 * 0.6 ** len(value), 0.002) if kind is Kind.SUBSTRING else max(0.65 ** len(value), 0.002)
