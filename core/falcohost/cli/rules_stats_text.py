"""Writes the text output of ``falcohost rules stats``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import click

from falcohost.cli.rules_lines import FAINT, PLAIN, STRONG, clean, lines, width
from falcohost.cli.rules_stream import StreamOutcome
from falcohost.engine.ruleset import Rule
from falcohost.rules.outline import ItemOrigin
from falcohost.rules.statistics import SourceStatistics, Statistics
from falcohost.rules.statistics_events import RuleCost, StreamCosts
from falcohost.store.verdicts import Judged

#: Most rows of a table, and most names in a row, without ``--full``.
_ROWS, _NAMES = 20, 16

_COLUMNS = ("evaluated", "matches", "first", "median ns", "total µs")


def statistics_text(
    found: Statistics, outcome: StreamOutcome | None, judged: Mapping[str, Judged], *, full: bool
) -> Iterator[str]:
    """Yield the lines for all rules, for verdicts about their alerts, and for the events if any were given."""
    if not found.sources:
        yield "There are no rules."
    for number, one in enumerate(found.sources):
        if number:
            yield ""
        yield from _source(one, full)
    yield from _unused(found.unused)
    if judged:
        yield from _verdicts(judged)
    if outcome is not None:
        yield from _stream(outcome, full)


def _source(one: SourceStatistics, full: bool) -> Iterator[str]:
    disabled = f", and {one.disabled} disabled" if one.disabled else ""
    yield click.style(f"{_count(len(one.enabled), 'rule')} of source {clean(one.source)}", bold=True) + disabled
    yield from _types(one, full)
    if one.without_witness:
        yield from _title("Without a witness", "evaluated for every event of these types")
        for found in one.without_witness:
            types = "any type" if found.types is None else ", ".join(_some(found.types, full))
            yield from lines([(found.rule.name, PLAIN), (f": {types}", FAINT)], "  ", "      ")
    if one.shadowed:
        yield from _title("Shadowed", "proven: an earlier rule matches whenever they do")
        for shadow in one.shadowed:
            yield from lines([(f"'{shadow.rule.name}'", PLAIN), (f" by '{shadow.by.name}'", FAINT)], "  ", "      ")
    yield from _reasons(one.never, "Never match", "no event can match them")
    yield from _reasons(one.costly, "Costly", "whatever they match")


def _reasons(rules: Sequence[tuple[Rule, str]], title: str, what: str) -> Iterator[str]:
    if rules:
        yield from _title(title, what)
    for rule, why in rules:
        yield from lines([(clean(rule.name), PLAIN), (f": {why}", FAINT)], "  ", "      ")


def _types(one: SourceStatistics, full: bool) -> Iterator[str]:
    """Yield the number of rules per event type; types with the same number share a line."""
    if one.of_any_type:
        yield f"  {one.of_any_type:>4}  any event type"
    by_count: dict[int, list[str]] = {}
    for name, count in one.by_type.items():
        by_count.setdefault(count, []).append(name)
    for count, names in by_count.items():
        yield from lines([(", ".join(_some(names, full)), PLAIN)], f"  {count:>4}  ", " " * 8)


def _unused(found: Sequence[ItemOrigin]) -> Iterator[str]:
    if not found:
        return
    yield from _title("Unused macros and lists")
    for file in dict.fromkeys(row.file for row in found):
        yield f"  {clean(file)}"
        for row in found:
            if row.file == file:
                yield f"  {row.line:>6}  {row.kind:<5}  {click.style(clean(row.name), fg='cyan')}"


def _verdicts(judged: Mapping[str, Judged]) -> Iterator[str]:
    """Yield a line for each rule with verdicts, that with the largest share of false alarms first."""
    yield from _title("False alarms", "of the alerts that have a verdict")
    for rule, one in sorted(judged.items(), key=lambda item: -item[1].share):
        counts = f": {one.false} false, {one.benign} benign, {one.true} true"
        yield from lines([(f"{one.share:.0%} {clean(rule)}", PLAIN), (counts, FAINT)], "  ", "        ")


def _stream(outcome: StreamOutcome, full: bool) -> Iterator[str]:
    for source, costs in outcome.costs.items():
        if costs.events:
            yield from _title(f"{_count(costs.events, 'event')} of source {source}, {costs.matching} match a rule")
            mean = costs.candidates / costs.events
            yield f"  {mean:.2f} rules evaluated per event, {costs.most} at most"
            yield from _table(costs, full)
    for cause, count in outcome.left_out.items():
        yield ""
        yield from lines([(f"{_count(count, 'event')} skipped: {cause}", {"fg": "yellow"})])
    if outcome.partial:
        yield ""
        yield from lines([("Fields without a value in the events counted as absent.", FAINT)])


def _table(costs: StreamCosts, full: bool) -> Iterator[str]:
    """Yield a row for each rule that was evaluated, most often evaluated first."""
    asked = sorted((cost for cost in costs.costs.values() if cost.asked), key=lambda cost: (-cost.asked, -cost.total))
    if not asked:
        return
    shown = asked if full else asked[:_ROWS]
    room = width() - 2 - sum(len(name) + 2 for name in _COLUMNS) - 2
    size = min(max(len(clean(cost.rule.name)) for cost in shown), max(room, 20))
    yield click.style(f"  {'rule':<{size}}" + "".join(f"  {name:>{len(name) + 1}}" for name in _COLUMNS), dim=True)
    for cost in shown:
        yield f"  {_cut(clean(cost.rule.name), size):<{size}}" + "".join(_cells(cost))
    if len(asked) > len(shown):
        yield f"  … {len(asked) - len(shown)} more"


def _cells(cost: RuleCost) -> Iterable[str]:
    values = (cost.asked, cost.matches, cost.reported, cost.median, cost.total // 1000)
    return (f"  {value:>{len(name) + 1}}" for value, name in zip(values, _COLUMNS, strict=True))


def _title(text: str, more: str = "") -> Iterator[str]:
    yield ""
    yield from lines([(text, STRONG), *([(f" ({more})", FAINT)] if more else [])])


def _some(names: Sequence[str], full: bool) -> list[str]:
    if full or len(names) <= _NAMES + 1:
        return list(names)
    return [*names[:_NAMES], f"… {len(names) - _NAMES} more"]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[: size - 1]}…"
