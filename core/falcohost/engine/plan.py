"""Makes the plan for a source: what its enabled rules need, so that the source can leave out the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from falcohost.engine import ir
from falcohost.engine.ir import Expr, FieldRef, Or
from falcohost.engine.lookup_fields import LookupField, behind
from falcohost.engine.ruleset import Rule
from falcohost.engine.unknown import without_lookups
from falcohost.events import Asked, Plan


def make_plan(source: str, rules: Sequence[Rule]) -> Plan:
    """Return the plan for the enabled *rules* of *source*; without rules, no event is wanted."""
    refs = {ref for rule in rules for ref in _refs(rule)}
    conditions = [without_lookups(rule.condition) for rule in rules]
    return Plan(
        source=source,
        event_types=_event_types(rules),
        fields=frozenset(ref.field.name for ref in refs),
        arguments=frozenset((ref.field.name, str(ref.arg)) for ref in refs if ref.arg is not None),
        condition=_any_of(conditions),
        by_type=_by_type(rules),
        also_read=frozenset(
            read
            for rule, condition in zip(rules, conditions, strict=True)
            if condition is not rule.condition
            for ref in ir.fields(rule.condition)
            for read in behind(ref)
        ),
    )


def _refs(rule: Rule) -> Iterator[FieldRef]:
    """Yield the fields that *rule* reads from an event."""
    for ref in (*ir.fields(rule.condition), *rule.output.fields):
        if isinstance(ref.field, LookupField):
            yield from behind(ref)
        else:
            yield ref


def _by_type(rules: Sequence[Rule]) -> dict[str, frozenset[Asked]] | None:
    found: dict[str, set[Asked]] = {}
    for rule in rules:
        if rule.event_types is None:
            return None
        asked = {(ref.field.name, None if ref.arg is None else str(ref.arg)) for ref in _refs(rule)}
        for name in rule.event_types:
            found.setdefault(name, set()).update(asked)
    return {name: frozenset(asked) for name, asked in found.items()}


def _event_types(rules: Sequence[Rule]) -> frozenset[str] | None:
    types: set[str] = set()
    for rule in rules:
        if rule.event_types is None:
            return None
        types |= rule.event_types
    return frozenset(types)


def _any_of(conditions: Sequence[Expr]) -> Expr:
    items: list[Expr] = []
    for condition in conditions:
        items.extend(condition.items if isinstance(condition, Or) else (condition,))
    return items[0] if len(items) == 1 else Or(tuple(items))
