"""``falcohost rules stats``: what rules ask of events, what they cost on a stream of them, what nobody uses or sees."""

from __future__ import annotations

from typing import IO

import click

from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import load
from falcohost.cli.rules_stats_json import statistics_json
from falcohost.cli.rules_stats_text import statistics_text
from falcohost.cli.rules_stream import put
from falcohost.rules.statistics import statistics

_EXAMPLE = """\b
Examples:
  falcohost rules stats rules.yaml
  falcohost rules stats k8s_audit_rules.yaml --events audit.jsonl
"""


@click.command(name="stats", epilog=_EXAMPLE)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option("--events", type=click.File("rb"), metavar="STREAM.jsonl", help="Put these events to the rules.")
@click.option("--source", metavar="NAME", help="The event source of the events, where they do not say.")
@click.option("--full", is_flag=True, help="Leave nothing out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    flags: Flags, files: tuple[str, ...], events: IO[bytes] | None, source: str | None, full: bool, as_json: bool
) -> None:
    """Count rules per source and event type, and name those without a witness, and what is shadowed or unused.

    Events are given one a line: alerts in JSON, objects of fields and their values, or records of a log that the
    rules' source reads. With them, say which rules were asked how often, matched how often, and how long that took.
    """
    loaded = load(flags, files)
    found = statistics(loaded.outcome)
    outcome = None if events is None else put(events, source, loaded)
    if as_json:
        import json

        click.echo(json.dumps(statistics_json(found, outcome), indent=2))
        return
    for line in statistics_text(found, outcome, full=full):
        click.echo(line)
