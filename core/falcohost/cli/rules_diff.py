"""``falcohost rules diff``: says which rules mean something else than before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import load_each
from falcohost.cli.rules_lines import FAINT, PLAIN, clean, lines
from falcohost.cli.trouble import as_trouble
from falcohost.rules.difference.rules import Change, Part, difference

_EXAMPLE = """\b
Examples:
  falcohost rules diff falco_rules.yaml falco_rules-new.yaml
  falcohost rules diff old/ new/ --with shared_macros.yaml --json
"""

_MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow"), "moved": ("↕", "cyan")}

#: Most lines for one part of a rule without ``--full``.
_MOST = 12


@click.command(name="diff", epilog=_EXAMPLE)
@click.argument("old", type=click.Path())
@click.argument("new", type=click.Path())
@click.option(
    "--with",
    "shared",
    multiple=True,
    metavar="FILE",
    type=click.Path(),
    help="Load this file or folder before both: macros and lists that they use. May be repeated.",
)
@click.option("--full", is_flag=True, help="Print all that is new or gone of each rule.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, old: str, new: str, shared: tuple[str, ...], full: bool, as_json: bool) -> None:
    """Say which rules of NEW mean something else than those of OLD; each is a rules file or a folder of them.

    Conditions are compared after macros and lists are expanded. Order, formatting and spelling do not matter: what is
    told matches other events, has other exceptions, or gives other alerts. With rule_matching: first, it also matters
    that rules which may match the same events have changed places. Descriptions are not compared.

    The exit status is 0 if nothing differs, 1 if something does, and 2 if rules cannot be loaded.
    """
    flags: Flags = ctx.obj
    with as_trouble():
        before, after = load_each(flags, ((*shared, old), (*shared, new)))
        found = difference(before, after, first=not flags.configuration().rules.match_all)
    if as_json:
        import json

        click.echo(json.dumps([_json(change) for change in found], indent=2))
    else:
        for line in _text(found, full=full):
            click.echo(line)
    ctx.exit(1 if found else 0)


def _text(found: Sequence[Change], *, full: bool) -> Iterator[str]:
    for change in found:
        mark, colour = _MARKS[change.kind]
        where = f"{change.where.file}:{change.where.line}"
        name = click.style(f"{mark} {clean(change.rule)}", fg=colour, bold=True)
        moved = "  it comes at another place among rules that may match the same events"
        yield f"{name}  {click.style(clean(where), dim=True)}{moved if change.kind == 'moved' else ''}"
        for part in change.parts:
            yield from _part(part, None if full else _MOST)
    if not found:
        yield "No rule means anything else."
        return
    counts = Counter(change.kind for change in found)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in _MARKS if counts[kind])
    yield f"Rules: {told}."


def _part(part: Part, most: int | None) -> Iterator[str]:
    yield from lines([(f"{part.what}{': ' if part.told else ''}{part.told}", PLAIN)], "    ", "      ")
    shown = [(f"+ {one}", "green") for one in part.added] + [(f"- {one}", "red") for one in part.removed]
    for text, colour in shown[:most]:
        yield from lines([(text, {"fg": colour})], "      ", "        ")
    if most is not None and len(shown) > most:
        yield from lines([(f"… {len(shown) - most} more; --full prints them", FAINT)], "      ", "        ")


def _json(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "rule": change.rule,
        "file": change.where.file,
        "line": change.where.line,
        "parts": [
            {"part": one.what, "told": one.told, "added": list(one.added), "removed": list(one.removed)}
            for one in change.parts
        ],
    }
