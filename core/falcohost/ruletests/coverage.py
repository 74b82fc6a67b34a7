"""Which parts of the rules' conditions the events of tests have had true, false, and decided by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from falcohost.ruletests.conditions import Answers, Conditions

#: What has been seen of a part: true, false, and decisive when it was true, and when false.
WAS_TRUE, WAS_FALSE, DECIDED_TRUE, DECIDED_FALSE = 1, 2, 4, 8
DECIDED = DECIDED_TRUE | DECIDED_FALSE


@dataclass(slots=True)
class Coverage:
    """What has been seen of the parts of each rule's condition, by the parts' numbers."""

    seen: dict[str, list[int]] = field(default_factory=dict)

    def take(self, rule: str, answers: Answers) -> None:
        """Add what a view of an event shows of *rule*."""
        values = answers.values
        seen = self.seen.get(rule)
        if seen is None:
            seen = self.seen[rule] = [0] * len(values)
        for number, value in enumerate(values):
            seen[number] |= WAS_TRUE if value else WAS_FALSE
        for node in answers.decisive():
            seen[node.number] |= DECIDED_TRUE if values[node.number] else DECIDED_FALSE

    def merge(self, other: Mapping[str, Sequence[int]]) -> None:
        """Add what another process has seen."""
        for rule, flags in other.items():
            mine = self.seen.setdefault(rule, [0] * len(flags))
            self.seen[rule] = [a | b for a, b in zip(mine, flags, strict=True)]


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the sides of checks were decided by, of how many; each check has two."""

    decided: int
    of: int

    @property
    def percent(self) -> int:
        """Return the share in per cent, rounded down."""
        return 100 * self.decided // self.of if self.of else 100


def share(rule: str, conditions: Conditions, coverage: Coverage) -> Share:
    """Return the share of *rule*."""
    checks = conditions[rule].checks
    seen = coverage.seen.get(rule)
    found = 0 if seen is None else sum((seen[node.number] & DECIDED).bit_count() for node in checks)
    return Share(found, 2 * len(checks))


def total(shares: Iterable[Share]) -> Share:
    """Return the share of several rules together."""
    found = list(shares)
    return Share(sum(one.decided for one in found), sum(one.of for one in found))
