"""Simplifies a condition without changing its meaning: what many rules ask alike is asked once.

Two steps do most of the work. In an ``or``, tests of the same text become one test with all their constants: one
look-up, however many rules there are. And alternatives that differ only in their texts (read, a file, one of these
names) are joined, so that the first step applies to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from falcohost_syscall.filters.condition import (
    All,
    Any,
    Bits,
    Condition,
    Literal,
    Number,
    Test,
    Text,
    View,
    Within,
    all_of,
    any_of,
    literals,
    within,
)

_COST: Final = {Within: 1, Bits: 1, Text: 3}
_SEARCH: Final = 6  # a loop over the text


def merged(condition: Condition) -> Condition:
    """Return an equivalent of *condition* with fewer tests; each ``and`` begins with its cheap ones."""
    return _merged(condition, {})


def _merged(condition: Condition, known: dict[int, Condition]) -> Condition:
    """Return the equivalent; *known* are those of parts by their ids, since rules share macros."""
    if isinstance(condition, Literal):
        return condition
    found = known.get(id(condition))
    if found is None:
        found = known[id(condition)] = _newly_merged(condition, known)
    return found


def _newly_merged(condition: All | Any, known: dict[int, Condition]) -> Condition:
    items = (_merged(item, known) for item in condition.items)
    if isinstance(condition, All):
        joined = all_of(items)
        if not isinstance(joined, All):
            return joined
        return all_of(sorted(united(All, joined.items), key=_cost))
    joined = any_of(items)
    if not isinstance(joined, Any):
        return joined
    return any_of(sorted(united(Any, _group(_factored(_absorb(joined.items)))), key=_cost))


def _cost(condition: Condition) -> tuple[int, int]:
    found = list(literals(condition))
    points = max((literal.test.point for literal in found), default=0)
    return points, sum(_test_cost(literal.test) for literal in found)


def _test_cost(test: Test) -> int:
    if isinstance(test, Text) and test.op in ("contains", "icontains"):
        return _SEARCH
    return _COST.get(type(test), 5)


def _absorb(items: tuple[Condition, ...]) -> list[Condition]:
    """Drop ``a and b`` where ``a`` is an alternative too."""
    alone = set(items)
    return [item for item in items if not (isinstance(item, All) and alone.intersection(item.items))]


def _factored(items: list[Condition]) -> list[Condition]:
    """Join alternatives that are equal except for the constants of one text."""
    alike: dict[tuple[View, str, frozenset[Condition]], list[tuple[int, Text]]] = {}
    for place, item in enumerate(items):
        parts = _parts(item)
        for part in parts:
            if isinstance(part, Literal) and isinstance(part.test, Text) and part.test.constants and not part.negated:
                key = part.test.view, part.test.op, frozenset(parts) - {part}
                alike.setdefault(key, []).append((place, part.test))
    left = dict(enumerate(items))
    for (_, _, rest), members in sorted(alike.items(), key=lambda pair: -len(pair[1])):
        found = {place: text for place, text in members if place in left}
        if len(found) > 1:
            constants = frozenset().union(*(text.constants for text in found.values()))
            first = min(found)
            joined = Literal(replace(found[first], constants=constants))
            in_order = [part for part in _parts(left[first]) if part in rest]
            left = {place: item for place, item in left.items() if place not in found}
            left[first] = all_of(sorted((*in_order, joined), key=_cost))
    return [left[place] for place in sorted(left)]


def _parts(item: Condition) -> tuple[Condition, ...]:
    return item.items if isinstance(item, All) else ()


def _group(items: Iterable[Condition]) -> list[Condition]:
    """Join alternatives that differ only in their texts."""
    groups: dict[frozenset[Condition], tuple[list[Condition], list[Condition]]] = {}
    for item in items:
        parts = item.items if isinstance(item, All) else (item,)
        rest = [part for part in parts if not _only_text(part)]
        texts = all_of(part for part in parts if _only_text(part))
        groups.setdefault(frozenset(rest), (rest, []))[1].append(texts)
    found: list[Condition] = []
    for rest, choices in groups.values():
        choice = merged(any_of(choices)) if rest and len(choices) > 1 else any_of(choices)
        found.append(all_of(sorted((*rest, choice), key=_cost)))
    united = any_of(found)
    return list(united.items) if isinstance(united, Any) else [united]


def _only_text(condition: Condition) -> bool:
    return all(isinstance(literal.test, Text) for literal in literals(condition))


def _unite(items: Iterable[Condition], *, negated: bool) -> list[Condition]:
    """Join tests of the same text or number: in an ``or`` the plain ones, in an ``and`` the negated ones."""
    texts: dict[tuple[object, ...], list[Text]] = {}
    numbers: dict[object, list[Within]] = {}
    rest: list[Condition] = []
    for item in items:
        test = item.test if isinstance(item, Literal) and item.negated is negated else None
        if isinstance(test, Text) and test.op != "exists":
            texts.setdefault((test.view, test.op), []).append(test)
        elif isinstance(test, Within):
            numbers.setdefault(test.number, []).append(test)
        else:
            rest.append(item)
    for group in texts.values():
        constants = frozenset().union(*(test.constants for test in group))
        rest.append(Literal(Text(group[0].view, group[0].op, constants), negated))
    for same in numbers.values():
        ranges = union(pair for test in same for pair in test.ranges)
        rest.append(Literal(Within(same[0].number, ranges), negated))
    return rest


def _intersect(items: Iterable[Condition]) -> list[Condition]:
    """Join tests for ranges of the same number into one."""
    ranges: dict[Number, tuple[tuple[int, int], ...]] = {}
    rest: list[Condition] = []
    for item in items:
        if not isinstance(item, Literal) or not isinstance(item.test, Within):
            rest.append(item)
            continue
        number = item.test.number
        wanted = complement(number, item.test.ranges) if item.negated else union(item.test.ranges)
        known = ranges.get(number, ((number.lowest, number.highest),))
        ranges[number] = tuple(
            (max(low, first), min(high, last))
            for low, high in known
            for first, last in wanted
            if low <= last and first <= high
        )
    return [*(within(number, *found) for number, found in ranges.items()), *rest]


def united(kind: type[All] | type[Any], tests: Iterable[Condition]) -> list[Condition]:
    """Return *tests*, the items of a conjunction or a disjunction, with those of the same text or number joined."""
    return _unite(_intersect(tests), negated=True) if kind is All else _unite(tests, negated=False)


def complement(number: Number, ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the numbers that are in none of *ranges*, as ranges."""
    found, at = [], number.lowest
    for low, high in union(ranges):
        if at < low:
            found.append((at, low - 1))
        at = high + 1
    return (*found, (at, number.highest)) if at <= number.highest else tuple(found)


def union(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return *ranges* sorted and joined where they overlap or touch."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return tuple(found)
