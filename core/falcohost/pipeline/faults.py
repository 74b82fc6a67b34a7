"""Finds out which rules fail on an event, and because of which field, and evaluates the other rules.

A rule fails if a plugin's code raises an error: for example the getter of a field, on a value that its author did not
expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from falcohost.engine import ir
from falcohost.engine.code.module import Condition, compile_condition
from falcohost.engine.ir import FieldRef
from falcohost.engine.paths import getter
from falcohost.engine.ruleset import Rule
from falcohost.engine.unknown import possible
from falcohost.errors import UnknownValueError
from falcohost.events import Event

#: Maximum number of rules that are evaluated one by one.
MOST = 1000


class Fault(NamedTuple):
    """The name of a rule that failed, the *error*, and the field that caused it as the rule writes it (empty: none)."""

    rule: str
    field: str
    error: Exception


class Salvage(NamedTuple):
    """The rules that an event matches, each with the view that it matches; and those that failed."""

    matches: list[tuple[Rule, Event]]
    faults: list[Fault]


class SingleRules:
    """The rules of one source, evaluated one by one; created when the first of them fails."""

    def __init__(self, rules: Sequence[Rule], *, first: bool) -> None:
        self._rules = rules
        self._first = first
        self._conditions: dict[int, tuple[Condition, bool]] = {}

    def ask(self, views: Sequence[Event]) -> Salvage:
        """Evaluate each rule for the *views* of an event."""
        found = Salvage([], [])
        asked = [rule for rule in self._rules if rule.event_types is None or views[0].type in rule.event_types]
        for rule in asked[:MOST]:
            condition, is_open = self._condition(rule)
            if self._ask(rule, condition, views, found) and self._first and not is_open:
                break
        return found

    def _ask(self, rule: Rule, condition: Condition, views: Sequence[Event], found: Salvage) -> bool:
        for view in views:
            try:
                if condition(view):
                    found.matches.append((rule, view))
                    return True
            except UnknownValueError:
                continue
            except Exception as error:
                found.faults.append(fault(rule, view, error))
                return False
        return False

    def _condition(self, rule: Rule) -> tuple[Condition, bool]:
        """Return the rule's condition as a function, and whether a lookup may still change what it returns."""
        if id(rule) not in self._conditions:
            expr = possible(rule.condition)
            self._conditions[id(rule)] = compile_condition(expr), expr is not rule.condition
        return self._conditions[id(rule)]


def fault(rule: Rule, event: Event, error: Exception) -> Fault:
    """Return the fault of *rule*, which failed on *event* with *error*, with the field that caused it."""
    refs = dict.fromkeys((*ir.fields(rule.condition), *rule.output.fields))
    return Fault(rule.name, next((ref.text for ref in refs if _raises(ref, event, error)), ""), error)


def _raises(ref: FieldRef, event: Event, error: Exception) -> bool:
    try:
        for get in (getter(ref.field), ref.field.json, ref.field.shown):
            if get is not None:
                get(event, ref.arg)
    except Exception as raised:
        return type(raised) is type(error)
    return False
