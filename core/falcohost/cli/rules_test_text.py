"""Prints what ``falcohost rules test`` has found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import click

from falcohost.cli.rules_lines import FAINT, NAME, PLAIN, STRONG, Span, clean, lines
from falcohost.cli.rules_test_cover import coverage_text, mutation_text
from falcohost.cli.rules_test_run import Asked, Outcome
from falcohost.cli.rules_test_why import Explaining
from falcohost.cli.rules_tree import answer_span, check_spans, value_spans
from falcohost.ruletests.verdicts import Difference, Verdict

_Style: TypeAlias = Mapping[str, Any]
_GOOD: _Style = {"fg": "green"}
_BAD: _Style = {"fg": "red", "bold": True}
_DOUBT: _Style = {"fg": "yellow"}


def print_outcome(outcome: Outcome, asked: Asked, explained: int) -> None:
    """Print the result of all tests; of the first failed ones, as many as are *explained*, also why."""
    for path, counts in _by_file(outcome).items():
        told: list[Span] = [(clean(path), NAME), ("  ", PLAIN)]
        for number, (word, count) in enumerate(counts.items()):
            told.append((f"{', ' if number else ''}{count} {word}", _style(word)))
        click.echo("".join(click.style(text, **style) for text, style in told))
    for group in outcome.groups:
        for case, verdict in zip(group.cases, group.verdicts, strict=True):
            if verdict.passed:
                continue
            why = None
            if explained > 0 and not case.command and any(one.rule for one in verdict.differences):
                explained -= 1
                assert group.runner is not None
                why = Explaining(group.loaded, group.runner, verdict.differences)
                group.runner.run(case, (why,))
            click.echo()
            for line in _failed(verdict, why, asked.full):
                click.echo(line)
    for text in (coverage_text, mutation_text):
        for line in text(outcome, asked):
            click.echo(line)
    click.echo()
    click.echo(_summary(outcome))


def _failed(verdict: Verdict, why: Explaining | None, full: bool) -> Iterator[str]:
    yield click.style("failed", **_BAD) + "  " + click.style(clean(verdict.name), bold=True)
    for one in verdict.differences:
        for number, text in enumerate(one.said.splitlines()):
            yield from lines([(text, PLAIN)], "  " if not number else "    ", "    ")
        if one.where:
            yield from lines([(f"at {one.where}", FAINT)], "    ", "    ")
        if why is not None:
            yield from _why(one, why, full)


def _why(one: Difference, why: Explaining, full: bool) -> Iterator[str]:
    found = why.why(one)
    if found is None or not found.checks:
        return
    which = f"event {found.event + 1}"
    said = f"it fires on {which}, because" if one.fired else f"it comes closest to firing on {which}, but"
    yield from lines([(said, STRONG)], "    ", "    ")
    for part, traced in found.checks:
        spans: list[Span] = [*check_spans(part, full), (" is ", PLAIN), answer_span(traced.answer), (" ", PLAIN)]
        yield from lines([*spans, *value_spans(traced)], "      ", "          ")


def _by_file(outcome: Outcome) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for verdict in outcome.verdicts:
        found.setdefault(verdict.file, Counter())[word_of(verdict)] += 1
    return found


def word_of(verdict: Verdict) -> str:
    """Return how the test ended, in a word."""
    return "skipped" if verdict.skipped else "passed" if verdict.passed else "failed"


def _style(word: str) -> _Style:
    return {"passed": _GOOD, "failed": _BAD}.get(word, _DOUBT)


def _summary(outcome: Outcome) -> str:
    counts = Counter(map(word_of, outcome.verdicts))
    told = ", ".join(f"{counts[word]} {word}" for word in ("passed", "failed", "skipped") if counts[word])
    style = _BAD if counts["failed"] else _GOOD
    why = " (--run-commands is not given)" if counts["skipped"] else ""
    return click.style(told, **style) + f"{why} in {outcome.seconds:.1f} s"
