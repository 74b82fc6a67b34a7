"""Which parts of the rules' conditions the events of tests have had true, false, and decided by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from falcohost.ruletests.conditions import Answers, Conditions, Node
from falcohost.ruletests.possible import Possible

#: What has been seen of a part: true, false, and decisive when it was true, and when false.
WAS_TRUE, WAS_FALSE, DECIDED_TRUE, DECIDED_FALSE = 1, 2, 4, 8
DECIDED = DECIDED_TRUE | DECIDED_FALSE
_SIDES = ((True, DECIDED_TRUE), (False, DECIDED_FALSE))


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
    """How many of the sides of checks were decided by, of how many; each check has two, unless one is impossible."""

    decided: int
    of: int

    @property
    def percent(self) -> int:
        """Return the share in per cent, rounded down."""
        return 100 * self.decided // self.of if self.of else 100


def share(rule: str, conditions: Conditions, coverage: Coverage, possible: Possible) -> Share:
    """Return the share of *rule*; sides that are proved impossible do not count."""
    left = list(open_sides(rule, conditions, coverage))
    never = sum(not possible.decides(conditions[rule], node, answer=answer) for node, answer in left)
    of = 2 * len(conditions[rule].checks)
    return Share(of - len(left), of - never)


def open_sides(rule: str, conditions: Conditions, coverage: Coverage) -> Iterator[tuple[Node, bool]]:
    """Yield the checks of *rule* with the answers by which they have not decided."""
    seen = coverage.seen.get(rule)
    for node in conditions[rule].checks:
        flags = 0 if seen is None else seen[node.number]
        yield from ((node, answer) for answer, bit in _SIDES if not flags & bit)


def total(shares: Iterable[Share]) -> Share:
    """Return the share of several rules together."""
    found = list(shares)
    return Share(sum(one.decided for one in found), sum(one.of for one in found))
