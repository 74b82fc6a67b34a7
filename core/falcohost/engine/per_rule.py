"""Remembers what is made for each rule, as long as the rule is there: until its ruleset is replaced."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule

T = TypeVar("T")

#: Most rules of which it is remembered.
_MOST = 4096


class PerRule(dict[int, T], Generic[T]):
    """What *make* has made of rules, by the rules' ids. It must not hold the rule."""

    def __init__(self, make: Callable[[Rule], T]) -> None:
        super().__init__()
        self._make = make
        self._rules: dict[int, weakref.ref[Rule]] = {}

    def add(self, rule: Rule) -> T:
        """Make it for *rule*, remember it, and return it."""
        if len(self) >= _MOST:
            self.clear()
            self._rules.clear()
        key = id(rule)
        self._rules[key] = weakref.ref(rule, lambda gone: self._forget(key))
        made = self[key] = self._make(rule)
        return made

    def _forget(self, key: int) -> None:
        self.pop(key, None)
        self._rules.pop(key, None)
