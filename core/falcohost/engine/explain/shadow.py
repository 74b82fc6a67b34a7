"""Rules that are never reported, because a rule before them matches whenever they do (``rule_matching: first``).

What is said here is proved from the two conditions; a rule that is not named may be shadowed all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from falcohost.engine.explain.implication import Prover
from falcohost.engine.ir import And, Expr, Or, fields
from falcohost.engine.ruleset import Rule


@dataclass(frozen=True, slots=True)
class Shadow:
    """*rule* is never reported: *by*, which comes before it, matches whenever it does."""

    rule: Rule
    by: Rule


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A rule, and the fields that a condition has to read if it implies the rule's."""

    rule: Rule
    condition: Expr
    needed: frozenset[str]


def shadows(rules: Sequence[Rule]) -> Iterator[Shadow]:
    """Yield the rules among *rules*, the enabled ones of one source, that are shadowed; each by the first that does.

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
    """Tell whether *earlier* wants events of all types that *rule* wants."""
    if earlier.event_types is None:
        return True
    return rule.event_types is not None and rule.event_types <= earlier.event_types


def _leaves_first(prover: Prover, condition: Expr) -> Expr:
    """Return *condition* with its checks before its other parts: they are the quickest to be proved, or not."""
    if not isinstance(condition, And):
        return condition
    return prover.known(And(tuple(sorted(condition.items, key=lambda item: isinstance(item, (And, Or))))))


def _names(condition: Expr) -> frozenset[str]:
    return frozenset(ref.field.name for ref in fields(condition))


def _needed(condition: Expr) -> frozenset[str]:
    """Return fields that a condition has to read if it implies *condition*: those of the checks that must all hold."""
    items = condition.items if isinstance(condition, And) else (condition,)
    return frozenset().union(*(_names(item) for item in items if not isinstance(item, (And, Or))))
