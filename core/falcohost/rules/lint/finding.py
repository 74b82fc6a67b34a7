"""The checks of ``falcohost rules lint``, and what they find."""

from __future__ import annotations

import enum

from msgspec import Struct

from falcohost.rules.results import Spot


class Level(enum.IntEnum):
    """How much a finding matters."""

    NOTE = 0
    WARNING = 1
    ERROR = 2


class Check(Struct, frozen=True):
    """One check: the level of its findings, and what it looks for."""

    level: Level
    summary: str


#: Every check by its id, which ignore comments name.
CHECKS = {
    "never-fires": Check(Level.ERROR, "no event can match the rule"),
    "shadowed-rule": Check(Level.ERROR, "an earlier rule matches whenever this one does, so it is never reported"),
    "never-true": Check(Level.WARNING, "a part of a condition is never true, so it does not matter"),
    "always-true": Check(Level.WARNING, "a part of a condition is always true, so that others do not matter"),
    "redundant": Check(Level.NOTE, "a check decides nothing beside another one"),
    "exempt-by-name": Check(Level.WARNING, "a process is exempt for what it says of itself, which any process can say"),
    "no-event-type": Check(Level.WARNING, "the rule has to be evaluated for too many event types"),
    "wide-filter": Check(Level.WARNING, "the source passes on every event of a frequent type because of the rule"),
    "unused-macro": Check(Level.WARNING, "no rule and no macro uses the macro"),
    "unused-list": Check(Level.WARNING, "no rule, no macro and no list uses the list"),
    "no-maturity": Check(Level.NOTE, "the rule has not exactly one tag maturity_…"),
    "no-technique": Check(Level.NOTE, "the rule has no tag with a technique of MITRE ATT&CK"),
    "no-description": Check(Level.NOTE, "the rule does not say what it means"),
    "plain-output": Check(Level.WARNING, "alerts of the rule say nothing of the event: its output has no field"),
    "load-warning": Check(Level.WARNING, "loading warns of it, as falcohost -V does"),
    "unknown-check": Check(Level.WARNING, "a comment ignores a check that does not exist"),
    "needless-ignore": Check(Level.NOTE, "a comment ignores a check that finds nothing there"),
}


class Finding(Struct, frozen=True, kw_only=True):
    """One finding.

    :ivar check: the id of its check.
    :ivar what: what is wrong, without a full stop.
    :ivar mend: what would mend it.
    :ivar within: the rule, macro or list that it is in, such as ``rule 'X'``.
    :ivar head: the line of the file, from 0, where that item begins.
    :ivar users: for a finding in a macro, the rules that use it.
    """

    check: str
    spot: Spot
    what: str
    mend: str
    within: str = ""
    head: int | None = None
    users: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """Return how much it matters."""
        return CHECKS[self.check].level
