"""Runs all checks on loaded rules, without those that comments ignore."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from falcohost.rules.lint import exempt, filters, items, logic
from falcohost.rules.lint.finding import Finding
from falcohost.rules.lint.ignoring import Ignores
from falcohost.rules.lint.subject import Subject
from falcohost.rules.pace import paced

_LOOKS: Sequence[Callable[[Subject], Iterable[Finding]]] = (
    items.unused,
    items.never,
    items.shadowed,
    items.tags,
    items.texts,
    items.warnings,
    logic.judged,
    exempt.by_name,
    filters.wide,
)

#: Checks that say nothing of a rule that can never fire.
_OF_EVENTS = ("never-fires", "never-true", "always-true", "no-event-type", "wide-filter")


def lint(subject: Subject) -> list[Finding]:
    """Return all findings, by file and line."""
    ignores = Ignores(result.file for result in subject.outcome.results)
    found = list(ignores.left(_once(list(_found(subject)))))
    order = {result.name: number for number, result in enumerate(subject.outcome.results)}
    return sorted((*found, *ignores.mistakes()), key=lambda one: _key(one, order))


def _found(subject: Subject) -> Iterator[Finding]:
    for look in paced("Checking rules", _LOOKS):
        yield from look(subject)


def _once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield *findings*; of a rule that can never fire only that, once, and as precisely as it is known."""
    never = {finding.within: finding for finding in findings if finding.check == "never-fires"}
    for finding in findings:
        if finding is never.get(finding.within) or not (finding.within in never and finding.check in _OF_EVENTS):
            yield finding


def _key(finding: Finding, order: dict[str, int]) -> tuple[int, int, int, str]:
    place = finding.spot.place
    return order.get(finding.spot.file.name, len(order)), place.line, place.column, finding.check
