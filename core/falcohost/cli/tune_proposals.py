"""Finds exceptions that would have removed noise: combinations of values that many alerts share, and no true one has.

The values are what somebody on the host has chosen. Only those are used that mean the same in a rules file.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final

from msgspec import Struct

#: Most proposals; most fields that are tried, and most in one exception; most values of one exception.
MOST: Final = 5
MOST_FIELDS: Final = 8
MOST_TOGETHER: Final = 3
MOST_VALUES: Final = 20

#: A combination of values has at least this part of the noise.
LEAST_PART: Final = 0.05

#: Values that a rules file can have without being anything but a text.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./@:+-]+( [A-Za-z0-9_./@:+-]+)*", re.ASCII)
_WORDS: Final = frozenset(("and", "or", "not", "in", "exists", "intersects", "pmatch", "true", "false", "null", "~"))
_LONGEST: Final = 256

#: Fields that number or time events, or say little.
_ODD: Final = re.compile(r"(^evt\.)|(pid|tid|sid|pgid|ino|duration|time)(\[|$)")


class Row(Struct, frozen=True):
    """A stored alert: its values as texts by the names of fields, and its verdict.

    :ivar several: by field, the values of further matches that it stands for.
    :ivar unknown: it stands for further matches whose values are not all known.
    """

    values: Mapping[str, str]
    verdict: str = ""
    several: Mapping[str, Sequence[str]] = {}
    unknown: bool = False

    def may_have(self, fields: Sequence[str], values: Sequence[str]) -> bool:
        """Return whether one of its matches may have these *values*."""
        return self.unknown or all(
            self.values.get(name) == value or value in self.several.get(name, ())
            for name, value in zip(fields, values, strict=True)
        )

    def has(self, fields: Sequence[str]) -> tuple[str, ...] | None:
        """Return the values of *fields* that all its matches have; None if there are none."""
        if self.unknown or any(name not in self.values or name in self.several for name in fields):
            return None
        return tuple(self.values[name] for name in fields)


class Proposal(Struct, frozen=True):
    """An exception: its *fields*, the combinations of their *values*, and how many alerts of noise have each."""

    fields: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    counts: tuple[int, ...]


def is_plain(value: str, names: Set[str]) -> bool:
    """Return whether *value* means itself in a rules file; *names*: those of lists, which stand for their items."""
    return (
        len(value) <= _LONGEST
        and _PLAIN.fullmatch(value) is not None
        and value.lower() not in _WORDS
        and value not in names
    )


def proposals(rows: Sequence[Row], noise: Set[str], names: Set[str]) -> list[Proposal]:
    """Return exceptions that remove alerts whose verdict is one of *noise*, and no true one; the best first.

    That is the one that removes most alerts beyond the first of each combination of values: many combinations that
    seldom come are chance. Of two that remove about as many, the one with more fields leaves less unseen.
    """
    bad = [row for row in rows if row.verdict in noise]
    true = [row for row in rows if row.verdict == "true"]
    least = 1 if len(bad) < 10 else max(2, round(len(bad) * LEAST_PART))
    found = []
    for fields in _combinations(bad, names):
        counts = Counter(values for row in bad if (values := row.has(fields)) is not None)
        kept = [
            (values, count)
            for values, count in counts.most_common(MOST_VALUES)
            if count >= least
            and all(is_plain(value, names) for value in values)
            and not any(row.may_have(fields, values) for row in true)
        ]
        if kept:
            found.append(Proposal(fields, tuple(one for one, _ in kept), tuple(count for _, count in kept)))
    found.sort(key=lambda one: (-_worth(one, len(bad)), -len(one.fields), len(one.values), one.fields))
    return found[:MOST]


def _worth(proposal: Proposal, noise: int) -> int:
    """Return the share of the *noise* that it removes beyond one alert for each combination, in tenths."""
    return round(10 * (sum(proposal.counts) - len(proposal.values)) / noise)


def _combinations(bad: Sequence[Row], names: Set[str]) -> Iterator[tuple[str, ...]]:
    """Yield the fields whose values many alerts share, one to three together."""
    every = dict.fromkeys(name for row in bad for name in row.values if not _ODD.search(name))
    shares = {}
    for name in every:
        counts = Counter(row.values[name] for row in bad if name in row.values and is_plain(row.values[name], names))
        shares[name] = sum(count for _, count in counts.most_common(MOST_VALUES) if count > 1 or len(bad) == 1)
    best = sorted((name for name in every if shares[name]), key=lambda name: -shares[name])[:MOST_FIELDS]
    for size in range(1, MOST_TOGETHER + 1):
        yield from itertools.combinations(best, size)
