"""``falcohost rules stats``: counts rules by event type, measures their cost on events, and finds unused ones."""

from __future__ import annotations

from typing import IO

import click

from falcohost.cli import complete
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
@click.option("--events", type=click.File("rb"), metavar="FILE.jsonl", help="Evaluate the rules for these events.")
@click.option(
    "--source", metavar="NAME", shell_complete=complete.sources, help="Event source of events that do not name one."
)
@click.option("--full", is_flag=True, help="Print all rows and names.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    flags: Flags, files: tuple[str, ...], events: IO[bytes] | None, source: str | None, full: bool, as_json: bool
) -> None:
    """Count rules by source and event type; list rules without a witness, shadowed rules, unused macros and lists.

    With events, also show how often each rule was evaluated and matched, and how long that took. Events come one per
    line: alerts in JSON, JSON objects of fields and their values, or records of the log that the rules' source reads.
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
