"""``falcohost alerts``: prints stored alerts, whether or not the agent is running."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import click

from falcohost.alert import Alert
from falcohost.cli.alerts_verdict import command as verdict_command
from falcohost.cli.flags import Flags
from falcohost.cli.stored_json import stored_json
from falcohost.cli.wanted import LARGEST, STATE_DIR, choosing, wanted
from falcohost.engine.texts import printable
from falcohost.engine.times import local_time
from falcohost.host.config import load_config
from falcohost.outputs.colours import colour_of
from falcohost.outputs.lines import encode_text
from falcohost.store.directory import state_directory
from falcohost.store.history import History, StoredAlert, Wanted
from falcohost.store.verdicts import KINDS, Verdict

#: Seconds between two checks for new alerts with ``--follow``.
_LOOK = 0.2

#: The beginning of a line of text, without time_format_iso_8601.
_TIME_OF_DAY = re.compile(r"\d\d:\d\d:\d\d\.\d{9}(?=: )")


@click.group(name="alerts", invoke_without_command=True)
@choosing
@click.option("-n", "--last", type=click.IntRange(min=1), metavar="COUNT", help="Only the last COUNT alerts.")
@click.option("-f", "--follow", is_flag=True, help="Keep printing new alerts until Ctrl-C.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON, one alert per line, with its id, subjects and condition_fields.",
)
@click.option(
    "--verdict",
    type=click.Choice(KINDS),
    metavar="true|false|benign",
    help="Only alerts with this verdict.",
)
@click.option("--held", is_flag=True, help="Only alerts that were held back, such as silenced ones.")
@click.option("--ids", is_flag=True, help="Print the id of each alert before it.")
@STATE_DIR
@click.pass_context
def command(
    ctx: click.Context,
    since: str | None,
    rule: str,
    source: str,
    last: int | None,
    follow: bool,
    as_json: bool,
    verdict: str | None,
    held: bool,
    ids: bool,
    state_dir: str | None,
) -> None:
    """Print stored alerts, oldest first.

    Example: falcohost alerts --since 2h --rule 'Read sensitive*' --json
    """
    if ctx.invoked_subcommand is not None:
        return
    which = replace(wanted(since, rule, source), verdict=verdict or "", held=held or None)
    flags: Flags = ctx.obj
    configured = state_dir or load_config(flags.config, flags.options).state.directory
    history = History(state_directory(configured))
    try:
        for stored in _chosen(history, which, min(last or 0, LARGEST), follow=follow):
            click.echo(stored_json(stored) if as_json else _text(stored, ids=ids))
    finally:
        history.close()


def _chosen(history: History, which: Wanted, last: int, *, follow: bool) -> Iterator[StoredAlert]:
    if not follow:
        return history.numbered(which, last=last)
    return history.follow(which, last=last, wait=lambda: time.sleep(_LOOK))


def _text(stored: StoredAlert, *, ids: bool) -> str:
    line = click.style(_dated(stored.alert), fg=colour_of(stored.alert.priority))
    before = f"{click.style(printable(stored.alert.id), dim=True)} " if ids else ""
    after = click.style(f"  [held back: {stored.held}]", dim=True) if stored.held else ""
    return f"{before}{line}{after}{_said(stored.verdict)}"


def _said(verdict: Verdict | None) -> str:
    """Return the *verdict* in words."""
    if verdict is None:
        return ""
    note = f": {verdict.note}" if verdict.note else ""
    who = verdict.by if verdict.uid == 0 else f"{verdict.by} (uid {verdict.uid})"
    when = local_time(verdict.at * 1_000_000_000, date=True, fraction=False)
    text = printable(f"  [{verdict.verdict}{note}, by {who}, {when}]")
    return click.style(text, dim=True)


def _dated(alert: Alert) -> str:
    """Return the alert's line of text, with the date if it has only the time of day."""
    line = encode_text(alert).decode("utf-8", "replace")
    time_of_day = _TIME_OF_DAY.match(line)
    return line if time_of_day is None else local_time(alert.time, date=True) + line[time_of_day.end() :]


command.add_command(verdict_command)
