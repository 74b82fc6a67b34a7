"""``falcohost rules explain``: shows what a rule checks, and why it fires for an event or not."""

from __future__ import annotations

from typing import IO

import click

from falcohost.cli.flags import Flags
from falcohost.cli.rules_alert import complete_argument, ids_and_files, read_stored
from falcohost.cli.rules_events import Given, Readers, read_one
from falcohost.cli.rules_explain_json import explanation_json
from falcohost.cli.rules_explain_text import asked_text, explanation_text
from falcohost.cli.rules_explanation import Asked, Explainer, Explanation, ask, earlier_rules
from falcohost.cli.rules_files import LoadedRules, complete_rule, find_rules, load, load_configured
from falcohost.cli.wanted import STATE_DIR
from falcohost.errors import ConfigError

_EXAMPLE = """\b
Examples:
  falcohost rules explain 5f0c9e3a8d1b42c7a6e0f1d2
  falcohost rules explain rules.yaml --rule 'Terminal shell*'
  echo '{"evt.type": "execve", "proc.name": "bash", "proc.tty": 0}' |
    falcohost rules explain rules.yaml --rule 'Terminal shell*' --event -
"""


@click.command(name="explain", epilog=_EXAMPLE)
@click.argument("files", nargs=-1, metavar="[ALERT] [FILE]...", type=click.Path(), shell_complete=complete_argument)
@click.option(
    "--rule",
    "pattern",
    metavar="RULE",
    shell_complete=complete_rule,
    help="Name of the rule; * matches any text. Default: the rule of the alert.",
)
@click.option("--event", type=click.File("rb"), metavar="FILE", help="Evaluate this event; - is standard input.")
@click.option("--full", is_flag=True, help="Print long lists and skipped parts in full.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with an object for each rule.")
@STATE_DIR
@click.pass_obj
def command(
    flags: Flags,
    files: tuple[str, ...],
    pattern: str | None,
    event: IO[bytes] | None,
    full: bool,
    as_json: bool,
    state_dir: str | None,
) -> None:
    """Explain a rule: its condition with macros and lists expanded, and which events it is checked against.

    With an event, show which parts of the condition are true or false, and why the rule fires or not. ALERT is the id
    of a stored alert, which falcohost alerts --ids prints. The event in --event is an alert in JSON, a JSON object of
    fields and their values, or a record of the log that the rule's source reads. Fields without a value are unknown, so
    the answer may be unknown too.

    Without FILEs, the rules are those of the configuration.
    """
    ids, names = ids_and_files(files)
    given = _event(flags, ids, event, state_dir)
    pattern = pattern or (given.rule if given is not None else None)
    if pattern is None:
        raise click.UsageError("Missing option '--rule': the name of a rule, or '*' for all of them.")
    loaded = load(flags, names) if names else load_configured(flags)
    found: list[tuple[Explanation, Asked | None]]
    explainer = Explainer(loaded, flags.configuration().response)
    found = [(rule, None) for rule in map(explainer.explain, find_rules(loaded.outcome, pattern))]
    if given is not None:
        found = _asked([rule for rule, _ in found], given, loaded, first=not flags.configuration().rules.match_all)
    if as_json:
        import json

        click.echo(json.dumps([explanation_json(*pair) for pair in found], indent=2))
        return
    for number, (rule, asked) in enumerate(found):
        if number:
            click.echo()
        name = given.where if given is not None else ""
        text = explanation_text(rule, full=full) if asked is None else asked_text(rule, asked, name, full=full)
        for line in text:
            click.echo(line)


def _event(flags: Flags, ids: list[str], event: IO[bytes] | None, state_dir: str | None) -> Given | None:
    """Return the event to evaluate, if there is one.

    :raises click.UsageError: there is more than one.
    """
    if len(ids) + (event is not None) > 1:
        raise click.UsageError("One event can be explained at a time: give the id of one alert, or --event.")
    if event is not None:
        return read_one(event)
    return read_stored(flags, ids[0], state_dir) if ids else None


def _asked(
    rules: list[Explanation], given: Given, loaded: LoadedRules, *, first: bool
) -> list[tuple[Explanation, Asked | None]]:
    """Evaluate the rules of the event's source; *first*: the agent reports only the first rule that matches.

    :raises ConfigError: the event belongs to another source, or is not valid.
    """
    concerned = [rule for rule in rules if given.source in (None, rule.rule.source)]
    if not concerned:
        raise ConfigError(f"{given.where}: the event is of source {given.source!r}, but none of the rules named is")
    readers = Readers(loaded)
    values = {source: readers.values(given, source) for source in {rule.rule.source for rule in concerned}}
    return [
        (one, ask(one, *values[one.rule.source], earlier_rules(one.rule, loaded) if first else [])) for one in concerned
    ]
