"""``falcohost rules attack``: says which techniques of MITRE ATT&CK the rules cover."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import load, load_configured
from falcohost.cli.rules_lines import FAINT, PLAIN, STRONG, clean, lines
from falcohost.errors import ConfigError
from falcohost.host.version import falcohost_version
from falcohost.rules.attack.coverage import Attack, Coverage, coverage
from falcohost.rules.attack.layer import layer
from falcohost.rules.attack.techniques import VERSION

_EXAMPLE = """\b
Examples:
  falcohost rules attack
  falcohost rules attack --layer falcohost.json
  falcohost rules attack rules.yaml --json
"""

#: Most rules in a row without ``--full``.
_RULES = 3


@click.command(name="attack", epilog=_EXAMPLE)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option("--layer", "path", metavar="FILE.json", type=click.Path(), help="Write a layer for the ATT&CK Navigator.")
@click.option("--disabled", is_flag=True, help="Count rules that are disabled, too.")
@click.option("--full", is_flag=True, help="Print all rules, and each technique that the sources do not show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(flags: Flags, files: tuple[str, ...], path: str | None, disabled: bool, full: bool, as_json: bool) -> None:
    """Say which techniques of MITRE ATT&CK the enabled rules cover, by their tags (T1059.004).

    For techniques without a rule, say whether the event sources that have rules could show them at all, and if not,
    why. A technique counts as covered, too, if a rule is for one of its parts.

    Without FILEs, the rules are those of the configuration.
    """
    loaded = load(flags, files) if files else load_configured(flags)
    rules = loaded.outcome.ruleset.rules
    platforms = frozenset[str]().union(*(loaded.sources[source].platforms for source in {one.source for one in rules}))
    found = coverage((rule for rule in rules if rule.enabled or disabled), platforms)
    if path is not None:
        _write(path, layer(found, platforms, falcohost_version()))
    if as_json:
        click.echo(json.dumps(_json(found, platforms), indent=2))
        return
    for line in _text(found, platforms, full=full):
        click.echo(line)
    if path is not None:
        click.echo(
            f"\nThe layer is in {path}. Open it in the Navigator: https://mitre-attack.github.io/attack-navigator/"
        )


def _write(path: str, content: dict[str, Any]) -> None:
    try:
        Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--layer: {path} cannot be written: {error.strerror}") from error


def _text(found: Attack, platforms: frozenset[str], *, full: bool) -> Iterator[str]:
    if not platforms:
        yield "The rules are for no source that says which platforms it tells of; techniques are found by tags only."
    for tactic in dict.fromkeys(tactic for one in found.techniques for tactic in one.technique.tactics):
        ones = [one for one in found.techniques if tactic in one.technique.tactics]
        covered = [one for one in ones if one.covered]
        gaps = [one for one in ones if not one.covered and not one.why_not]
        if not covered and not gaps:
            continue
        name = tactic.replace("-", " ").capitalize()
        share = f"{len(covered)} of {len(covered) + len(gaps)} techniques that these sources may show"
        yield from lines([(name, STRONG), (f": {share}", PLAIN)], "", "  ")
        for one in covered:
            yield from _row(one, full)
        if gaps:
            listed = ", ".join(f"{one.technique.number} {one.technique.name}" for one in gaps)
            yield from lines([(f"no rule: {listed}", {"fg": "yellow"})], "  ", "    ")
        yield ""
    yield from _not_shown(found, full)
    yield from _tags(found)


def _row(one: Coverage, full: bool) -> Iterator[str]:
    rules = one.rules if full else one.rules[:_RULES]
    more = f" and {len(one.rules) - len(rules)} more" if len(one.rules) > len(rules) else ""
    told = ", ".join(map(clean, rules)) + more if rules else f"{one.parts} for its parts"
    spans = [(f"{one.technique.number:9} {one.technique.name} ", {"fg": "cyan"}), (f"{told}", FAINT)]
    yield from lines(spans, f"  {len(one.rules):3}  ", " " * 17)


def _not_shown(found: Attack, full: bool) -> Iterator[str]:
    """Yield the reasons why techniques are not shown, each with their number or, if *full*, with them."""
    reasons: dict[str, list[Coverage]] = {}
    for one in found.techniques:
        if one.why_not and not one.covered:
            reasons.setdefault(one.why_not, []).append(one)
    if not reasons:
        return
    yield from lines([("Not shown by these sources", STRONG)])
    for reason, ones in sorted(reasons.items(), key=lambda item: -len(item[1])):
        listed = ", ".join(f"{one.technique.number} {one.technique.name}" for one in ones)
        yield from lines([(f"{reason}{f': {listed}' if full else ''}", PLAIN)], f"  {len(ones):3}  ", " " * 7)
    yield ""


def _tags(found: Attack) -> Iterator[str]:
    for number, rules in found.unknown.items():
        yield from lines([(f"ATT&CK {VERSION} has no {number}, the tag of {', '.join(map(clean, rules))}", PLAIN)])
    if found.untagged:
        count = len(found.untagged)
        yield f"{count} rule{'' if count == 1 else 's'} without a tag for a technique."
    possible = [one for one in found.techniques if one.covered or not one.why_not]
    covered = sum(one.covered for one in possible)
    yield f"{covered} of {len(possible)} techniques and parts of techniques are covered (ATT&CK {VERSION})."


def _json(found: Attack, platforms: frozenset[str]) -> dict[str, Any]:
    def told(ones: Sequence[Coverage]) -> list[dict[str, Any]]:
        return [
            {
                "technique": one.technique.number,
                "name": one.technique.name,
                "tactics": list(one.technique.tactics),
                "rules": list(one.rules),
                "rules_for_parts": one.parts,
                "not_shown_because": one.why_not or None,
            }
            for one in ones
        ]

    return {
        "attack_version": VERSION,
        "platforms": sorted(platforms),
        "techniques": told(found.techniques),
        "unknown_tags": {number: list(rules) for number, rules in found.unknown.items()},
        "rules_without_technique": list(found.untagged),
    }
