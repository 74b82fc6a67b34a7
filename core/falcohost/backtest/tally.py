"""Counts for one rule how often it would have fired: by day, and by whom or what it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from falcohost.engine.ruleset import Rule
from falcohost.engine.texts import printable
from falcohost.rules.definitions import Entry, RuleDef

#: Most entities that are told apart, and most characters of a value or sample.
MOST_ENTITIES = 10_000
MOST_CHARACTERS = 300

#: Most fields by which entities are told apart.
_FIELDS = 3

#: What entities beyond these count as.
OTHERS = ("(others)",)


@dataclass(slots=True)
class Tally:
    """What is counted for *rule*.

    :ivar fields: the fields whose values tell entities apart.
    :ivar hidden: how often an earlier rule matched, too, and would have been reported instead.
    :ivar undecided: how many stored alerts lack values that decide.
    """

    rule: Rule
    fields: Sequence[str]
    most_samples: int
    count: int = 0
    hidden: int = 0
    undecided: int = 0
    days: Counter[str] = field(default_factory=Counter)
    entities: Counter[tuple[str, ...]] = field(default_factory=Counter)
    samples: list[tuple[int, str]] = field(default_factory=list)

    def add(self, time: int, values: Sequence[str], *, count: int = 1, hidden: bool = False) -> None:
        """Count a match at *time*, in nanoseconds since the epoch; *values* are those of :attr:`fields`."""
        self.count += count
        self.hidden += count if hidden else 0
        self.days[day(time)] += count
        key = tuple(printable(value)[:MOST_CHARACTERS] for value in values)
        self.entities[key if key in self.entities or len(self.entities) < MOST_ENTITIES else OTHERS] += count

    @property
    def wants_sample(self) -> bool:
        """Return whether a sample is still wanted."""
        return len(self.samples) < self.most_samples

    def sample(self, time: int, text: str) -> None:
        """Keep the output of a match."""
        self.samples.append((time, printable(text)[:MOST_CHARACTERS]))

    @property
    def most(self) -> tuple[str, int]:
        """Return the day with the most matches, and their number."""
        return max(self.days.items(), key=lambda item: (item[1], item[0]), default=("", 0))


def day(time: int) -> str:
    """Return the day of *time*, in UTC."""
    return datetime.fromtimestamp(time // 1_000_000_000, UTC).date().isoformat()


def entity_fields(rule: Rule, definition: RuleDef) -> tuple[str, ...]:
    """Return the fields by which entities are told apart: those of the rule's exceptions, or the first of its output.

    Exceptions are what somebody would add about an entity that fires too often.
    """
    excepted = (name for exception in definition.exceptions for name in _names(exception.fields))
    plain = {ref.text for ref in rule.output.plain}
    found = [name for name in dict.fromkeys(excepted) if name in plain]
    if not found:
        found = [ref.text for ref in rule.output.lasting if ref.text in plain and not ref.field.suggested][:2]
    return tuple(found[:_FIELDS])


def _names(entry: Entry) -> tuple[str, ...]:
    return tuple(item.item for item in entry.items) if entry.is_list else (entry.item,)
