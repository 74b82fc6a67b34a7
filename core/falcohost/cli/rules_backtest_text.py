"""Writes what ``falcohost rules backtest`` found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from falcohost.backtest.tally import OTHERS, Tally, day
from falcohost.cli.rules_lines import FAINT, PLAIN, clean, lines
from falcohost.engine.times import rfc3339

if TYPE_CHECKING:
    from falcohost.cli.rules_backtest import Found

#: Most days, and most entities, of a rule without ``--full``.
_DAYS, _ENTITIES = 7, 5


def found_text(found: Found, over: Sequence[Tally], most: int | None, *, full: bool) -> Iterator[str]:
    """Yield the lines for all rules, those that fire most often first."""
    ones = sorted(found.tallies.values(), key=lambda one: -one.count)
    yield _head(found)
    for one in ones:
        if one.count or (full and one.undecided):
            yield ""
            yield from _rule(one, _days(found), one in over, full)
    silent = [one.rule.name for one in ones if not one.count]
    if silent:
        yield ""
        named = f": {', '.join(map(clean, silent))}" if full else ""
        yield from lines([(f"{len(silent)} of {_rules(len(ones))} would not have fired{named}", FAINT)], "", "  ")
    undecided = sorted((one for one in ones if one.undecided), key=lambda one: -one.undecided)
    if undecided:
        listed = ", ".join(
            f"{clean(one.rule.name)} ({one.undecided:,})" for one in undecided[: None if full else _ENTITIES]
        )
        more = "" if full or len(undecided) <= _ENTITIES else f" and {len(undecided) - _ENTITIES} more"
        yield from lines([(f"Not judged, since the alerts do not keep what they ask: {listed}{more}", PLAIN)], "", "  ")
    for note in found.notes:
        yield from lines([(f"Note: {note}.", FAINT)], "", "  ")
    if over:
        told = f"{_rules(len(over))} exceed{'s' if len(over) == 1 else ''} {most:,} a day."
        yield from lines([(told, {"fg": "red"})])


def found_json(found: Found, over: Sequence[str]) -> dict[str, Any]:
    """Return the JSON object for all rules."""
    return {
        "events": found.events,
        "alerts": found.alerts,
        "from": rfc3339(found.first) if found.last else None,
        "to": rfc3339(found.last) if found.last else None,
        "days": _days(found),
        "rules": [
            {
                "rule": one.rule.name,
                "source": one.rule.source,
                "count": one.count,
                "reported_instead": one.hidden,
                "not_judged": one.undecided,
                "by_day": dict(sorted(one.days.items())),
                "entity_fields": list(one.fields),
                "by_entity": [{"values": list(values), "count": count} for values, count in one.entities.most_common()],
                "samples": [{"time": rfc3339(time), "output": text} for time, text in one.samples],
            }
            for one in sorted(found.tallies.values(), key=lambda one: -one.count)
        ],
        "over_budget": list(over),
        "notes": list(found.notes),
    }


def _head(found: Found) -> str:
    parts = [_counted(found.events, "event") if found.events or not found.alerts else ""]
    parts.append(_counted(found.alerts, "stored alert") if found.alerts else "")
    told = " and ".join(filter(None, parts))
    if not found.last:
        return f"{told}."
    days = _days(found)
    return f"{told}, {day(found.first)} to {day(found.last)} ({_counted(days, 'day')}, UTC)"


def _days(found: Found) -> int:
    """Return the number of days, begun ones included."""
    return found.last // 86_400_000_000_000 - found.first // 86_400_000_000_000 + 1 if found.last else 0


def _rules(number: int) -> str:
    return _counted(number, "rule")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _rule(one: Tally, days: int, over: bool, full: bool) -> Iterator[str]:
    when, most = one.most
    name = click.style(clean(one.rule.name), bold=True, fg="red" if over else None)
    told = f"{_counted(one.count, 'time')}, {one.count / max(days, 1):.1f} a day" + (
        f", most on {when}: {most:,}" if when else ""
    )
    hidden = f"; {_counted(one.hidden, 'time')} an earlier rule would be reported instead" if one.hidden else ""
    yield f"{name}: {told}{hidden}"
    if len(one.days) > 1:
        shown = one.days.most_common(None if full else _DAYS)
        listed = ", ".join(f"{when} {count:,}" for when, count in sorted(shown))
        more = f" and {_counted(len(one.days) - len(shown), 'more day')}" if len(one.days) > len(shown) else ""
        yield from lines([(f"days: {listed}{more}", PLAIN)], "  ", "    ")
    if one.fields:
        entities = one.entities.most_common(None if full else _ENTITIES)
        yield from lines([(f"by {', '.join(one.fields)}:", PLAIN)], "  ", "    ")
        for values, count in entities:
            text = OTHERS[0] if values == OTHERS else ", ".join(values)
            yield from lines([(text, {"fg": "cyan"})], f"  {count:>7,}  ", " " * 11)
        if len(one.entities) > len(entities):
            yield f"           … {len(one.entities) - len(entities):,} more"
    for time, text in one.samples:
        yield from lines([(rfc3339(time), FAINT), (f" {text}", PLAIN)], "  ", "    ")
