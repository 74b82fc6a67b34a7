"""Writes what ``falcohost rules lint`` finds: as text, JSON or SARIF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import click

from falcohost.cli.rules_lines import FAINT, PLAIN, clean, lines
from falcohost.host.version import falcohost_version
from falcohost.rules.lint.finding import CHECKS, Finding, Level
from falcohost.rules.people import excerpt

_COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "blue"}

#: Most names of rules in the text that use a macro.
_USERS = 3


def findings_text(found: Sequence[Finding], files: Sequence[str]) -> Iterator[str]:
    """Yield the lines for the findings *found* in *files*, with their number."""
    for finding in found:
        place, level = finding.spot.place, finding.level
        where = f"{clean(finding.spot.file.name)}:{place.line + 1}:{place.column + 1}"
        said = click.style(f"{level.name.lower()}:", fg=_COLOURS[level])
        yield f"{click.style(where, bold=True)}: {said} {clean(finding.what)} [{finding.check}]"
        yield from (click.style(clean(line), dim=True) for line in excerpt(finding.spot))
        if finding.within:
            yield from lines([(f"in {finding.within}{_users(finding)}", FAINT)], "  ", "    ")
        yield from lines([(f"hint: {finding.mend}", PLAIN)], "  ", "    ")
        yield ""
    of = f"{len(files)} file{'' if len(files) == 1 else 's'}"
    if not found:
        yield f"Nothing was found in {of}."
        return
    counts = Counter(finding.level for finding in found)
    told = ", ".join(_count(counts[level], level.name.lower()) for level in reversed(Level) if counts[level])
    yield f"{told} in {of}."


def findings_json(found: Sequence[Finding]) -> dict[str, Any]:
    """Return the JSON object for the findings."""
    counts = Counter(finding.level for finding in found)
    return {
        "findings": [
            {
                "check": finding.check,
                "level": finding.level.name.lower(),
                "file": finding.spot.file.name,
                "line": finding.spot.place.line + 1,
                "column": finding.spot.place.column + 1,
                "what": finding.what,
                "mend": finding.mend,
                "within": finding.within or None,
                "users": list(finding.users),
            }
            for finding in found
        ],
        "counts": {level.name.lower(): counts[level] for level in Level},
    }


def findings_sarif(found: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as a log of SARIF 2.1.0."""
    used = [name for name in CHECKS if any(finding.check == name for finding in found)]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "falcohost",
                        "version": falcohost_version(),
                        "rules": [
                            {
                                "id": name,
                                "shortDescription": {"text": CHECKS[name].summary},
                                "defaultConfiguration": {"level": CHECKS[name].level.name.lower()},
                            }
                            for name in used
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, used.index(finding.check)) for finding in found],
            }
        ],
    }


def _result(finding: Finding, number: int) -> dict[str, Any]:
    place = finding.spot.place
    within = f" In {finding.within}." if finding.within else ""
    return {
        "ruleId": finding.check,
        "ruleIndex": number,
        "level": finding.level.name.lower(),
        "message": {"text": f"{finding.what}.{within} {finding.mend[:1].upper()}{finding.mend[1:]}."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding.spot.file.name)},
                    "region": {"startLine": place.line + 1, "startColumn": place.column + 1},
                }
            }
        ],
    }


def _uri(name: str) -> str:
    path = PurePath(name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _users(finding: Finding) -> str:
    if not finding.users:
        return ""
    named = ", ".join(f"'{name}'" for name in finding.users[:_USERS])
    more = len(finding.users) - _USERS
    return f", used by {named}{f' and {more} more' if more > 0 else ''}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
