"""Finds rules that are never reported, because an earlier rule matches whenever they do (``rule_matching: first``).

Every result is proved from the two conditions; a rule without a proof may be shadowed all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from falcohost.engine.explain.implication import Prover
from falcohost.engine.ir import And, Expr, Or, fields
from falcohost.engine.ruleset import Rule


@dataclass(frozen=True, slots=True)
class Shadow:
    """*rule* is never reported, because the earlier rule *by* matches whenever it does."""

    rule: Rule
    by: Rule


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A rule, and fields that every condition that implies the rule's condition reads."""

    rule: Rule
    condition: Expr
    needed: frozenset[str]


def shadows(rules: Sequence[Rule]) -> Iterator[Shadow]:
    """Yield the shadowed rules among *rules*, the enabled ones of one source, each with the first rule that shadows it.

    Rules that match no event at all are left out.
    """
    prover, before = Prover(), list[_Candidate]()
    for rule in rules:
        condition = prover.known(rule.condition)
        read = _names(condition)
        for earlier in before if rule.event_types != frozenset() else ():
            if earlier.needed <= read and _may(rule, earlier.rule) and prover.implies(condition, earlier.condition):
                yield Shadow(rule, earlier.rule)
                break
        before.append(_Candidate(rule, _leaves_first(prover, condition), _needed(condition)))


def _may(rule: Rule, earlier: Rule) -> bool:
    """Return whether *earlier* covers all event types of *rule*."""
    if earlier.event_types is None:
        return True
    return rule.event_types is not None and rule.event_types <= earlier.event_types


def _leaves_first(prover: Prover, condition: Expr) -> Expr:
    """Return *condition* with its checks before its other parts, because checks are the fastest to compare."""
    if not isinstance(condition, And):
        return condition
    return prover.known(And(tuple(sorted(condition.items, key=lambda item: isinstance(item, (And, Or))))))


def _names(condition: Expr) -> frozenset[str]:
    return frozenset(ref.field.name for ref in fields(condition))


def _needed(condition: Expr) -> frozenset[str]:
    """Return fields that every condition that implies *condition* reads: those of its required checks."""
    items = condition.items if isinstance(condition, And) else (condition,)
    return frozenset().union(*(_names(item) for item in items if not isinstance(item, (And, Or))))
