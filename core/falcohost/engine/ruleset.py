"""Compiled rules: conditions in IR, outputs as templates. Made by :mod:`falcohost.rules.compiler`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from falcohost.alert import Priority
from falcohost.engine.ir import Expr
from falcohost.engine.template import Template


class BoundAction(NamedTuple):
    """An action that a rule asks for by its *name*, and *where* it does, as ``file:line:column``."""

    name: str
    where: str


@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True)
class Rule:
    """One compiled rule.

    :ivar event_types: the event types that *condition* can match (:mod:`falcohost.engine.evttypes`); None: any.
    :ivar file: path of the rules file that defines it, as it was configured.
    :ivar exceptions: names of its exceptions.
    :ivar actions: the actions that it asks for.
    :ivar capture: its matches are captured; *capture_duration*: for so many milliseconds, 0: as configured.
    """

    name: str
    source: str
    priority: Priority
    tags: tuple[str, ...]
    description: str
    condition: Expr
    output: Template
    event_types: frozenset[str] | None
    enabled: bool = True
    file: str = ""
    exceptions: tuple[str, ...] = ()
    actions: tuple[BoundAction, ...] = ()
    capture: bool = False
    capture_duration: int = 0


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules that were loaded, in the order of their first definition."""

    rules: tuple[Rule, ...] = ()

    def enabled(self, source: str) -> tuple[Rule, ...]:
        """Return the enabled rules of *source*, in order."""
        return tuple(rule for rule in self.rules if rule.enabled and rule.source == source)

    def sources(self) -> Iterable[str]:
        """Return the sources that have an enabled rule, in order of first use."""
        return dict.fromkeys(rule.source for rule in self.rules if rule.enabled)
