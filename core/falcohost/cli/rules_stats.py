"""``falcohost rules stats``: counts rules by event type, measures their cost on events, and finds unused ones."""

from __future__ import annotations

import contextlib
from collections.abc import Container
from typing import IO

import click

from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import load
from falcohost.cli.rules_stats_json import statistics_json
from falcohost.cli.rules_stats_text import statistics_text
from falcohost.cli.rules_stream import put
from falcohost.cli.wanted import STATE_DIR
from falcohost.errors import StateError
from falcohost.rules.statistics import statistics
from falcohost.store.directory import state_directory
from falcohost.store.history import History
from falcohost.store.verdicts import Judged

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
@STATE_DIR
@click.pass_obj
def command(
    flags: Flags,
    files: tuple[str, ...],
    events: IO[bytes] | None,
    source: str | None,
    full: bool,
    as_json: bool,
    state_dir: str | None,
) -> None:
    """Count rules by source and event type; list rules without a witness, shadowed rules, unused macros and lists.

    With events, also show how often each rule was evaluated and matched, and how long that took. Events come one per
    line: alerts in JSON, JSON objects of fields and their values, or records of the log that the rules' source reads.

    Where stored alerts of these rules have verdicts (falcohost alerts verdict), also show each rule's share of false
    alarms.
    """
    loaded = load(flags, files)
    found = statistics(loaded.outcome)
    outcome = None if events is None else put(events, source, loaded)
    judged = _judged(flags, state_dir, {rule.name for rule in loaded.outcome.ruleset.rules})
    if as_json:
        import json

        click.echo(json.dumps(statistics_json(found, outcome, judged), indent=2))
        return
    for line in statistics_text(found, outcome, judged, full=full):
        click.echo(line)


def _judged(flags: Flags, state_dir: str | None, rules: Container[str]) -> dict[str, Judged]:
    """Return the verdicts about alerts of these *rules*; none if there is no state, or it is not ours to read."""
    try:
        configured = state_dir or flags.configuration().state.directory
        with contextlib.closing(History(state_directory(configured))) as history:
            return {rule: judged for rule, judged in history.judged().items() if rule in rules}
    except (StateError, OSError):
        if state_dir:
            raise
        return {}
