"""Decides which loaded rules are enabled: by name or tag (the configuration's ``rules``) and by minimum priority."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcohost.alert import Priority

if TYPE_CHECKING:
    from falcohost.rules.definitions import RuleDef


@dataclass(frozen=True, slots=True)
class Selection:
    """Switches rules on or off: those whose name matches the wildcard *rule*, or that have the *tag*.

    :ivar files: only rules of these files; empty: of all.
    """

    enable: bool
    rule: str = ""
    tag: str = ""
    files: tuple[str, ...] = ()

    def concerns(self, rule: RuleDef) -> bool:
        """Return whether the selection matches *rule*; ``*`` stands for any text."""
        if self.files and rule.context.locations[0].where not in self.files:
            return False
        if self.rule and re.fullmatch(".*".join(map(re.escape, self.rule.split("*"))), rule.name, re.DOTALL):
            return True
        return bool(self.tag) and self.tag in rule.tags


def is_enabled(rule: RuleDef, selections: Iterable[Selection], minimum: Priority) -> bool:
    """Return whether *rule* is enabled after all *selections*; a rule less severe than *minimum* never is."""
    if rule.priority > minimum:
        return False
    enabled = rule.enabled
    for selection in selections:
        if selection.concerns(rule):
            enabled = selection.enable
    return enabled
