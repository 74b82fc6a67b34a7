"""Writes the text output of ``falcohost rules explain``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from falcohost.cli.rules_explanation import Asked, Explanation
from falcohost.cli.rules_lines import FAINT, NAME, PLAIN, STRONG, Span, clean, lines
from falcohost.cli.rules_tree import answer_span, check_spans, tree, value_spans
from falcohost.rules.outline import ItemOrigin

#: Most names in a list without ``--full``.
_MANY = 24

#: Most characters of a witness without ``--full``.
_LONG = 300


def explanation_text(found: Explanation, *, full: bool) -> Iterator[str]:
    """Yield the lines for a rule: its condition as written and expanded, its witness, and what is collected for it."""
    yield from _head(found)
    for part in found.written:
        yield ""
        yield from _title("Condition as written", f"{part.file}:{part.line}")
        for line in part.text.splitlines():
            indent = "  " + clean(line[: len(line) - len(line.lstrip())])
            yield from lines([(line.strip(), PLAIN)], indent, f"{indent}    ")
    yield ""
    yield from _title("Condition expanded")
    yield from tree(found.condition, None, full)
    yield from _origins(found.origins)
    yield ""
    yield from _title("Witness", "a check that must be true for the rule to match; the engine finds the rule by it")
    yield from _witness(found, full)
    yield ""
    yield from _title("Collected because of it")
    yield from _collected(found, full)


def asked_text(found: Explanation, asked: Asked, event: str, *, full: bool) -> Iterator[str]:
    """Yield the lines for a rule that was evaluated for *event*; the last lines say what decided."""
    yield from _head(found)
    yield ""
    yield from _title("Condition", f"evaluated for {event}")
    yield from tree(found.condition, asked.traced, full)
    yield ""
    yield from _verdict(found, asked)


def _head(found: Explanation) -> Iterator[str]:
    rule = found.rule
    yield click.style(clean(rule.name), bold=True)
    about = f"{rule.priority.label}, source {rule.source}, {found.where.file}:{found.where.line}"
    yield from lines([(about, PLAIN)], "  ", "  ")
    if not rule.enabled:
        yield from lines([("disabled: it is never evaluated", {"fg": "yellow"})], "  ", "  ")
    if rule.tags:
        yield from lines([(f"tags {', '.join(rule.tags)}", FAINT)], "  ", "  ")
    if found.actions:
        why = f" ({found.idle})" if found.idle else ""
        yield from lines([(f"actions {', '.join(found.actions)}", PLAIN), (why, FAINT)], "  ", "  ")
    if rule.description:
        yield from lines([(" ".join(rule.description.split()), FAINT)], "  ", "  ")


def _title(text: str, more: str = "") -> Iterator[str]:
    yield from lines([(text, STRONG), *([(f" ({more})", FAINT)] if more else [])])


def _origins(found: Iterable[ItemOrigin]) -> Iterator[str]:
    """Yield the places where the macros, lists and exceptions in a condition are defined."""
    rows = list(found)
    if not rows:
        return
    yield ""
    yield from _title("Where the names are defined")
    files = dict.fromkeys(row.file for row in rows)
    for file in files:
        yield f"  {clean(file)}"
        for row in rows:
            if row.file == file:
                yield f"  {row.line:>6}  {row.kind:<9}  {click.style(clean(row.name), fg='cyan')}"


def _witness(found: Explanation, full: bool) -> Iterator[str]:
    if not found.filed:
        yield "  none: no event can match the rule"
    for filed in found.filed:
        types = "any event" if filed.types is None else ", ".join(_some(filed.types, full))
        if filed.own is None:
            told: Span = ("none, the rule is evaluated for every such event", {"fg": "yellow"})
        else:
            told = (_cut(str(filed.own), full), PLAIN)
        yield from lines([(f"{types}: ", NAME), told], "  ", "    ")
        if filed.among is None and filed.own is not None:
            yield from lines(
                [("not in the index: with these rules it is cheaper to evaluate the rule each time", FAINT)],
                "    ",
                "    ",
            )
        elif filed.among != filed.own:
            yield from lines([(f"with these rules indexed by {_cut(str(filed.among), full)}", FAINT)], "    ", "    ")


def _cut(text: str, full: bool) -> str:
    return text if full or len(text) <= _LONG else f"{text[:_LONG]}…"


def _collected(found: Explanation, full: bool) -> Iterator[str]:
    what = found.collected
    types = ["all"] if what.types is None else _some(what.types, full) or ["none: it can never match"]
    rows = [
        ("event types", types),
        ("only for it", _some(what.alone, full)),
        ("fields read", _some(what.asked, full)),
        ("in the output", _some(what.told, full)),
    ]
    for title, names in rows:
        if names:
            yield from lines([(", ".join(names), PLAIN)], f"  {title:<13}  ", " " * 17)
    if what.pushed:
        yield ""
        yield from _title("Pushed down to the source", "decided or read before the engine; for this rule alone")
    for events, told in what.pushed:
        yield from lines([(f"{_cut(events, full)}: ", NAME), (_cut(told, full), PLAIN)], "  ", "    ")


def _some(names: tuple[str, ...], full: bool) -> list[str]:
    if full or len(names) <= _MANY + 1:
        return list(names)
    return [*names[:_MANY], f"… {len(names) - _MANY} more"]


def _verdict(found: Explanation, asked: Asked) -> Iterator[str]:
    answer = asked.traced.answer
    style = {**answer_span(answer)[1], "bold": True}
    if answer is None:
        told = "Unknown: the event has no values for these checks, and they decide"
    elif answer:
        told = "It fires, because" if found.rule.enabled else "It would fire if it were enabled, because"
    else:
        told = "It does not fire, because"
    yield from lines([(told, style)])
    for part, traced in asked.checks:
        word = answer_span(traced.answer)
        spans: list[Span] = [*check_spans(part, full=False), (" is ", PLAIN), word, (" ", PLAIN), *value_spans(traced)]
        yield from lines(spans, "  ", "      ")
    if asked.before is not None:
        told = f"But it is not reported: the rule '{asked.before.name}' matches too and comes first"
        yield from lines([(told, {"fg": "yellow"}), (" (rule_matching: first)", FAINT)])
