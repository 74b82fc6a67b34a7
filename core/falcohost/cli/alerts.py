"""``falcohost alerts``: prints stored alerts, whether or not the agent is running."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime

import click

from falcohost.alert import Alert
from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.engine.alerts import JsonOptions, encode_json
from falcohost.engine.texts import valid
from falcohost.engine.times import local_time
from falcohost.errors import ConfigError
from falcohost.host.config import load_config
from falcohost.outputs.colours import colour_of
from falcohost.outputs.lines import encode_text
from falcohost.store.directory import state_directory
from falcohost.store.history import History, Wanted

#: Seconds between two checks for new alerts with ``--follow``.
_LOOK = 0.2

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

#: The largest number that the store knows: a time in nanoseconds since the epoch, or a count.
_LARGEST = (1 << 63) - 1

#: The beginning of a line of text, without time_format_iso_8601.
_TIME_OF_DAY = re.compile(r"\d\d:\d\d:\d\d\.\d{9}(?=: )")


@click.command(name="alerts")
@click.option("--since", metavar="WHEN", help="Only alerts since a time (2026-11-25T14:00) or of the last 30m, 2h, 7d.")
@click.option(
    "--rule",
    default="*",
    metavar="NAME",
    shell_complete=complete.rules,
    help="Only alerts of rules with this name; wildcards allowed.",
)
@click.option(
    "--source",
    default="",
    metavar="NAME",
    shell_complete=complete.sources_of_alerts,
    help="Only alerts of this event source.",
)
@click.option("-n", "--last", type=click.IntRange(min=1), metavar="COUNT", help="Only the last COUNT alerts.")
@click.option("-f", "--follow", is_flag=True, help="Keep printing new alerts until Ctrl-C.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON, one alert per line, with its id, subjects and condition_fields.",
)
@click.option("--state-dir", metavar="PATH", help="The agent's state directory; default: the configured one.")
@click.pass_obj
def command(
    flags: Flags,
    since: str | None,
    rule: str,
    source: str,
    last: int | None,
    follow: bool,
    as_json: bool,
    state_dir: str | None,
) -> None:
    """Print stored alerts, oldest first.

    Example: falcohost alerts --since 2h --rule 'Read sensitive*' --json
    """
    wanted = Wanted(nanoseconds(since) if since else 0, valid(rule), valid(source))
    configured = state_dir or load_config(flags.config, flags.options).state.directory
    history = History(state_directory(configured))
    try:
        for alert in _chosen(history, wanted, min(last or 0, _LARGEST), follow=follow):
            click.echo(_line(alert, as_json=as_json))
    finally:
        history.close()


def _chosen(history: History, wanted: Wanted, last: int, *, follow: bool) -> Iterator[Alert]:
    if not follow:
        return history.alerts(wanted, last=last)
    return history.follow(wanted, last=last, wait=lambda: time.sleep(_LOOK))


def _line(alert: Alert, *, as_json: bool) -> str:
    if as_json:
        return encode_json(alert, JsonOptions(with_id=True, subjects=True, condition_fields=True)).decode()
    return click.style(_dated(alert), fg=colour_of(alert.priority))


def _dated(alert: Alert) -> str:
    """Return the alert's line of text, with the date if it has only the time of day."""
    line = encode_text(alert).decode("utf-8", "replace")
    time_of_day = _TIME_OF_DAY.match(line)
    return line if time_of_day is None else local_time(alert.time, date=True) + line[time_of_day.end() :]


def nanoseconds(when: str) -> int:
    """Return the time that *when* gives, as a time or as an age, in nanoseconds since the epoch."""
    if age := re.fullmatch(r"0*(\d{1,15})([smhdw])", when, re.ASCII):
        return max(0, time.time_ns() - int(age[1]) * _UNITS[age[2]] * 1_000_000_000)
    try:
        return min(max(0, int(datetime.fromisoformat(when).timestamp() * 1e9)), _LARGEST)
    except (ValueError, OverflowError) as error:
        problem = f"--since {when}: give a time such as 2026-11-25T14:00, or an age such as 30m, 2h or 7d"
        raise ConfigError(problem) from error
