"""``falcohost silence``: alerts of a rule that are stored, but delivered to nobody, for a while."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import click
import msgspec

from falcohost.cli import complete
from falcohost.cli.changing import change, own_name
from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import pretty_json
from falcohost.cli.wanted import LARGEST, STATE_DIR
from falcohost.durations import duration, seconds_of
from falcohost.engine.texts import printable, valid
from falcohost.engine.times import local_time, rfc3339
from falcohost.errors import ConfigError
from falcohost.host.config import load_config
from falcohost.store.directory import state_directory
from falcohost.store.history import History
from falcohost.store.orders import AddSilence, EndSilence
from falcohost.store.silences import LONGEST, Silence, is_own

_EXAMPLE = """\b
Example:
  falcohost silence add --rule 'Password hashes read' --where 'proc.name = backup' --for 2h --note 'restore test'
"""


@click.group(name="silence")
def command() -> None:
    """Have alerts of a rule stored and marked, but delivered to nobody, until a certain time.

    The next alert of the rule that is delivered says how many were silenced. Each silence is an alert itself, when it
    begins and when it ends.
    """


@command.command(name="add", epilog=_EXAMPLE)
@click.option(
    "--rule", required=True, metavar="NAME", shell_complete=complete.rules, help="The rule, by its whole name."
)
@click.option(
    "--where", "text", default="", metavar="CONDITION", help="Only alerts whose fields fulfil this condition."
)
@click.option("--for", "how_long", required=True, metavar="TIME", help="For how long: 30m, 2h, 7d; 30 days at most.")
@click.option("--by", default="", metavar="NAME", help="Who adds it; default: the user who runs this.")
@click.option("--note", default="", metavar="TEXT", help="Why, in words.")
@click.option("--own", is_flag=True, help="The rule is about falcohost itself, and is to be silenced all the same.")
@STATE_DIR
@click.pass_obj
def add(
    flags: Flags, rule: str, text: str, how_long: str, by: str, note: str, own: bool, state_dir: str | None
) -> None:
    """Add a silence, and print its number.

    The condition is one of the rule language, over the fields in the rule's output.
    """
    length = seconds_of(how_long)
    if length is None or not 0 < length <= LONGEST:
        raise ConfigError(f"--for {how_long}: give a time such as 30m, 2h or 7d, 30 days at most")
    config = load_config(flags.config, flags.options)
    directory = state_directory(state_dir or config.state.directory)
    where = None
    if not (own and is_own(rule) and not text):  # of falcohost's own alerts, there are no rules
        from falcohost.cli.silence_where import where_of

        where = where_of(flags, directory, valid(rule), text)
    order = AddSilence(
        rule=valid(rule),
        seconds=length,
        text=valid(text),
        where=where,
        note=valid(note),
        by=valid(by) or own_name(),
        own=own,
    )
    done = change(directory, config, order)
    click.echo(f"Silence {done.number} goes on for {duration(length)}.")


@command.command(name="remove")
@click.argument("number", type=click.IntRange(1, LARGEST), metavar="NUMBER", shell_complete=complete.silences)
@click.option("--by", default="", metavar="NAME", help="Who removes it; default: the user who runs this.")
@STATE_DIR
@click.pass_obj
def remove(flags: Flags, number: int, by: str, state_dir: str | None) -> None:
    """End a silence now."""
    config = load_config(flags.config, flags.options)
    directory = state_directory(state_dir or config.state.directory)
    change(directory, config, EndSilence(number, valid(by) or own_name()))
    click.echo(f"Silence {number} has ended.")


@command.command(name="list")
@click.option("--all", "with_ended", is_flag=True, help="Also those that have ended.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@STATE_DIR
@click.pass_obj
def list_command(flags: Flags, with_ended: bool, as_json: bool, state_dir: str | None) -> None:
    """Print the silences: what they silence, until when, who added them, and how many alerts they have silenced."""
    configured = state_dir or load_config(flags.config, flags.options).state.directory
    now = int(time.time())
    with contextlib.closing(History(state_directory(configured))) as history:
        age, found = history.age, history.silences(ended=with_ended)
    shown = [one for one in found if with_ended or not one.ends(age, now)]
    if as_json:
        click.echo(pretty_json([_json(one, age, now) for one in shown]))
        return
    if not shown:
        click.echo("Nothing is silenced.")
    for one in shown:
        click.echo("\n".join(_lines(one, age, now)))


def _left(silence: Silence, age: int, now: int) -> int:
    """Return the seconds until the end of *silence*; 0: it has ended."""
    return 0 if silence.ended else max(0, min(silence.until - age, silence.begun + silence.seconds - now))


def _lines(silence: Silence, age: int, now: int) -> Iterator[str]:
    left = _left(silence, age, now)
    state = f"{duration(left)} left" if left else f"ended {silence.why or 'since its time is over'}"
    where = f" where {printable(silence.text)}" if silence.text else ""
    yield f"{silence.number}: {click.style(printable(silence.rule), fg='cyan')}{where}"
    note = f": {printable(silence.note)}" if silence.note else ""
    who = printable(f"{silence.by} (uid {silence.uid})")
    begun = local_time(silence.begun * 1_000_000_000, date=True, fraction=False)
    yield f"  {state}; {silence.count:,} alerts silenced; by {who} at {begun}{note}"


def _json(silence: Silence, age: int, now: int) -> dict[str, object]:
    data = msgspec.to_builtins(silence)
    shown = {name: data[name] for name in ("number", "rule", "note", "by", "uid", "seconds", "why", "count")}
    shown |= {"where": silence.text, "begun": rfc3339(silence.begun * 1_000_000_000)}
    return shown | {"left": _left(silence, age, now)}
