"""``falcohost rules backtest``: how often rules would have fired on stored alerts, logs and captures."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import click

from falcohost.backtest.reading import EventReader, files_in
from falcohost.backtest.stored import StoredReader
from falcohost.backtest.tally import Tally, entity_fields
from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.cli.rules_backtest_text import found_json, found_text
from falcohost.cli.rules_files import LoadedRules, load, load_configured
from falcohost.cli.stored_json import stored_json
from falcohost.cli.trouble import as_trouble
from falcohost.cli.wanted import STATE_DIR, nanoseconds
from falcohost.errors import ConfigError, StateError
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.rules.pace import showing_seconds
from falcohost.store.directory import state_directory
from falcohost.store.history import History, Wanted

_EXAMPLE = """\b
Examples:
  falcohost rules backtest --since 30d new_rules.yaml
  falcohost rules backtest cloud_rules.yaml --logs /srv/cloudtrail --source aws_cloudtrail --max-per-day 5
  falcohost rules backtest host_rules.yaml --captures night.scap --json
"""

#: Most causes why records could not be read that are told one by one.
_CAUSES = 5


@dataclass(slots=True)
class Found:
    """What a backtest found.

    :ivar notes: what could not be judged, in sentences.
    """

    tallies: dict[str, Tally]
    events: int = 0
    alerts: int = 0
    first: int = 0
    last: int = 0
    notes: list[str] = field(default_factory=list)

    def span(self, first: int, last: int) -> None:
        """Take the times of the first and last event of a part."""
        if last:
            self.first, self.last = min(self.first or first, first), max(self.last, last)


@click.command(name="backtest", epilog=_EXAMPLE)
@click.argument("files", nargs=-1, metavar="[RULES]...", type=click.Path())
@click.option("--since", metavar="WHEN", help="Only what happened since a time (2026-11-25T14:00), or in the last 30d.")
@click.option("--logs", multiple=True, metavar="PATH", type=click.Path(), help="Read this file or folder of logs.")
@click.option("--source", metavar="NAME", shell_complete=complete.sources, help="Event source of the logs.")
@click.option("--captures", multiple=True, metavar="FILE", type=click.Path(), help="Read this capture (.scap).")
@click.option("--alerts", "with_alerts", is_flag=True, help="Read stored alerts also beside logs and captures.")
@click.option("--by", metavar="FIELD,…", help="Fields by which to tell entities apart; default: those of exceptions.")
@click.option(
    "--samples", type=click.IntRange(0, 1000), default=3, metavar="N", help="Samples of each rule; default: 3."
)
@click.option(
    "--max-per-day",
    type=click.IntRange(min=0),
    metavar="N",
    help="Exit with status 1 if a rule fires more often on a day.",
)
@click.option("--full", is_flag=True, help="Print all days and entities, and rules that do not fire.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@STATE_DIR
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    since: str | None,
    logs: tuple[str, ...],
    source: str | None,
    captures: tuple[str, ...],
    with_alerts: bool,
    by: str | None,
    samples: int,
    max_per_day: int | None,
    full: bool,
    as_json: bool,
    state_dir: str | None,
) -> None:
    """Count how often each enabled rule would have fired, by day (in UTC) and by whom or what it is about.

    Events come from stored alerts, or from logs and captures, without an agent. Each rule is counted by itself, also
    where an earlier one would be reported instead. Of stored alerts only what they keep is known: what raised no alert
    is not there, and a rule that asks for more than an alert keeps cannot be judged, which is said.

    Without RULES, the rules are those of the configuration.

    The exit status is 0, or 1 if --max-per-day is exceeded, or 2 if something cannot be read.
    """
    flags: Flags = ctx.obj
    with as_trouble():
        begin = nanoseconds(since) if since else 0
        loaded = load(flags, files) if files else load_configured(flags)
        found = Found(_tallies(loaded, by, samples))
        with showing_seconds("Backtest"):
            if logs or captures:
                _read_events(loaded, found, begin, logs, source, captures)
            if with_alerts or not (logs or captures):
                _read_alerts(flags, loaded, found, begin, state_dir)
    over = [] if max_per_day is None else [one for one in found.tallies.values() if one.most[1] > max_per_day]
    if as_json:
        click.echo(json.dumps(found_json(found, [one.rule.name for one in over]), indent=2))
    else:
        for line in found_text(found, over, max_per_day, full=full):
            click.echo(line)
    ctx.exit(1 if over else 0)


def _tallies(loaded: LoadedRules, by: str | None, samples: int) -> dict[str, Tally]:
    names = tuple(filter(None, map(str.strip, by.split(",")))) if by else ()
    found = {}
    for rule in loaded.outcome.ruleset.rules:
        if rule.enabled:
            chosen = names or entity_fields(rule, loaded.outcome.collector.rules[rule.name])
            found[rule.name] = Tally(rule, chosen, samples)
    if not found:
        raise ConfigError("no rule is enabled")
    return found


def _read_events(
    loaded: LoadedRules,
    found: Found,
    since: int,
    logs: Sequence[str],
    source: str | None,
    captures: Sequence[str],
) -> None:
    reader = EventReader(loaded, found.tallies, since)
    if logs:
        name = _source(loaded, found, source)
        for path in files_in(logs):
            reader.log(path, name)
    for path in files_in(captures):
        if DEFAULT_SOURCE not in loaded.sources:
            raise ConfigError(f"there is no source '{DEFAULT_SOURCE}', which reads captures")
        reader.capture(str(path.absolute()), DEFAULT_SOURCE)
    found.events = reader.events
    found.span(reader.first, reader.last)
    dropped = [(cause, count) for cause, count in reader.dropped.items() if count]
    found.notes += [f"{_records(count)} could not be read: {cause}" for cause, count in dropped[:_CAUSES]]
    if len(dropped) > _CAUSES:
        found.notes.append(
            f"{_records(sum(count for _, count in dropped[_CAUSES:]))} could not be read for other reasons"
        )
    if (names := reader.incomplete()) and reader.events:
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        found.notes.append(
            f"fields of lookups (containers, pods, tables) count as absent; these rules read some: {listed}"
        )


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _source(loaded: LoadedRules, found: Found, source: str | None) -> str:
    """Return the source of logs."""
    having = sorted({tally.rule.source for tally in found.tallies.values()})
    if source is None:
        logs = [name for name in having if name != DEFAULT_SOURCE]
        if len(logs) != 1:
            raise ConfigError(f"name the source of the logs: --source {' or '.join(logs or sorted(loaded.sources))}")
        return logs[0]
    if source not in loaded.sources:
        raise ConfigError(f"there is no source '{source}'; there are {', '.join(sorted(loaded.sources))}")
    if source not in having:
        raise ConfigError(f"no enabled rule is of source '{source}'; there are rules of: {', '.join(having)}")
    return source


def _read_alerts(flags: Flags, loaded: LoadedRules, found: Found, since: int, state_dir: str | None) -> None:
    configured = state_dir or flags.configuration().state.directory
    reader = StoredReader(loaded, found.tallies, lambda one: json.loads(stored_json(one)))
    try:
        with contextlib.closing(History(state_directory(configured))) as history:
            reader.take(history.numbered(Wanted(since)))
    except OSError as error:
        raise StateError(f"the stored alerts cannot be read: {error.strerror}") from error
    found.alerts = reader.alerts
    found.span(reader.first, reader.last)
    found.notes.append(
        "only what raised an alert is stored: rules that are wider than those of that time would have fired more often"
    )
    if reader.unread:
        found.notes.append(f"{reader.unread:,} stored alerts have values that their fields cannot have any more")
