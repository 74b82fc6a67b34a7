"""Witnesses: checks that must be true for a rule to match, in a form by which many rules can be found at once.

A condition has a witness for each check that must be true; a disjunction has one if each of its branches has. The
matcher indexes a rule by one witness, so that only rules whose witness an event fulfils are evaluated. A witness may be
true for an event that the rule does not match, never the other way round. Negations and fields of lookups give no
witness.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcohost.engine.code.specialise import specialise
from falcohost.engine.index.terms import Form, Kind, Term
from falcohost.engine.index.weights import Weights
from falcohost.engine.ir import And, Expr, Not, Or, Unanswered
from falcohost.engine.shown import shown
from falcohost.engine.unknown import possible

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule

__all__ = ["Form", "Kind", "Term", "Witness", "rarest", "witness", "witnesses"]


@dataclass(frozen=True, slots=True)
class Witness:
    """At least one of *terms* must be true; several come from a disjunction. Without terms, no event can match.

    :ivar likelihood: the expected share of events, from 0 to 1, that fulfil it.
    """

    terms: tuple[Term, ...]
    likelihood: float = field(compare=False, default=1.0)

    def __str__(self) -> str:
        """Return the checks of the terms in the rule language."""
        return " or ".join(dict.fromkeys(shown(term.check) for term in self.terms)) or "false"


def witness(rule: Rule, event_type: str | None = None) -> Witness | None:
    """Return the rarest witness of *rule* for events of *event_type*; None if it has none.

    :param event_type: None stands for any type that the rule does not name.
    """
    expr = specialise(possible(rule.condition), event_type)
    return rarest(witnesses(expr, Weights()))


def witnesses(expr: Expr, weights: Weights) -> tuple[Witness, ...]:
    """Return all witnesses of *expr*; each of them must be true for *expr* to be true.

    A disjunction has one witness, which consists of the rarest witness of each branch, by *weights*.
    """
    if isinstance(expr, (Not, Unanswered)):
        return ()
    if isinstance(expr, And):
        return tuple(found for item in expr.items for found in witnesses(item, weights))
    if isinstance(expr, Or):
        return _of_branches(expr, weights)
    terms = weights.terms(expr)
    return (Witness(terms, weights.any_of(terms)),)


def rarest(found: Iterable[Witness]) -> Witness | None:
    """Return the least likely of *found*."""
    return min(found, key=lambda one: one.likelihood, default=None)


def _of_branches(expr: Or, weights: Weights) -> tuple[Witness, ...]:
    terms: dict[Term, None] = {}
    for item in expr.items:
        best = rarest(witnesses(item, weights))
        if best is None:
            return ()
        terms |= dict.fromkeys(best.terms)
    return (Witness(tuple(terms), weights.any_of(terms)),)
