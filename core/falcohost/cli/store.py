"""``falcohost store``: what is stored, whether it is whole, and what to do if it is not."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec

from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import pretty_json
from falcohost.cli.wanted import STATE_DIR, choosing, nanoseconds, wanted
from falcohost.durations import duration
from falcohost.engine.texts import printable
from falcohost.engine.times import local_time
from falcohost.errors import StateError
from falcohost.host.config import Config, load_config
from falcohost.store.directory import claim, state_directory
from falcohost.store.examine import Mark, Overview, overview, problems, repair

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="store", invoke_without_command=True)
@_JSON
@STATE_DIR
@click.pass_context
def command(ctx: click.Context, as_json: bool, state_dir: str | None) -> None:
    """Print what is stored: alerts by source, how far each output is, its size.

    A running agent is not disturbed. falcohost alerts prints the alerts themselves.
    """
    if ctx.invoked_subcommand is None:
        directory, config = _directory(ctx.obj, state_dir)
        found = overview(directory, wanted={name: one.selection.wants for name, one in config.outputs.enabled.items()})
        click.echo(pretty_json(msgspec.to_builtins(found)) if as_json else "\n".join(_lines(found)))


@command.command(name="check")
@_JSON
@STATE_DIR
@click.pass_obj
def check(flags: Flags, as_json: bool, state_dir: str | None) -> None:
    """Check that every page and every alert can be read; exits with 1 if not.

    A running agent is not disturbed.
    """
    directory, _ = _directory(flags, state_dir)
    with _progress("checked") as progress:
        found = problems(directory, progress)
    if as_json:
        click.echo(pretty_json({"problems": found}))
    elif not found:
        click.echo("The store is whole.")
    for problem in () if as_json else found:
        click.echo(click.style(printable(problem), fg="red"))
    if found:
        mend = f"the store in {directory} is damaged: stop the agent, and run falcohost store repair"
        raise StateError(mend)


@command.command(name="repair")
@STATE_DIR
@click.pass_obj
def repair_command(flags: Flags, state_dir: str | None) -> None:
    """Make a new store of all that can be read; the damaged one is kept under another name.

    No agent may be running with it. Alerts, marks of outputs and cursors of sources are kept as far as they can be
    read: where a cursor is lost, its source is read again, or goes on from now, as at the first start.
    """
    directory, config = _directory(flags, state_dir)
    lock = claim(directory, users=config.uids)
    try:
        with _progress("taken over") as progress:
            done = repair(directory, progress)
    finally:
        os.close(lock)
    lost = f"{done.unreadable:,} could not be read" if done.unreadable else "all could be read"
    click.echo(f"The new store has {done.alerts:,} alerts; {lost}. The old one is {done.aside}.")
    if done.missing:
        numbers = "1 number has no alert" if done.missing == 1 else f"{done.missing:,} numbers have no alerts"
        click.echo(f"{numbers}: they were on damaged pages, unless limits had deleted them before.")
    marked = {mark.name for mark in overview(directory).marks}
    for name in sorted(config.outputs.enabled.keys() - marked):
        mend = f"falcohost store resend --output {printable(name)} --since TIME delivers earlier ones"
        click.echo(f"Output {printable(name)} has no mark in it, and will get later alerts only; {mend}.")
    if done.removed:
        click.echo(f"Older damaged ones, of which the newest stay, were removed: {', '.join(done.removed)}.")


@command.command(name="parked")
@click.option(
    "--output", default="", metavar="NAME", shell_complete=complete.outputs, help="Only those of this output."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one alert per line.")
@STATE_DIR
@click.pass_obj
def parked_command(flags: Flags, output: str, as_json: bool, state_dir: str | None) -> None:
    """Print the alerts that outputs have refused for good, and why.

    A running agent is not disturbed.
    """
    from falcohost.cli.store_resend import show_parked

    show_parked(_directory(flags, state_dir)[0], output, as_json=as_json)


@command.command(name="resend")
@click.option(
    "--output",
    required=True,
    metavar="NAME",
    shell_complete=complete.outputs,
    help="The output, as the configuration has it.",
)
@click.option("--since", metavar="WHEN", help="All stored alerts since a time, or of the last 30m, 2h, 7d.")
@STATE_DIR
@click.pass_obj
def resend_command(flags: Flags, output: str, since: str | None, state_dir: str | None) -> None:
    """Deliver the parked alerts of an output again; with --since, all stored ones, whatever it has had.

    This command opens the output itself, beside a running agent. What it takes is no longer parked.
    """
    from falcohost.cli.store_resend import resend_parked, resend_since

    directory, config = _directory(flags, state_dir)
    if since is None:
        click.echo(resend_parked(directory, config, output))
    else:
        click.echo(resend_since(directory, config, output, nanoseconds(since)))


@command.command(name="export")
@choosing
@click.option("--to", "path", metavar="FILE", type=click.Path(), help="A new file, for you alone.")
@STATE_DIR
@click.pass_obj
def export_command(
    flags: Flags, since: str | None, rule: str, source: str, path: str | None, state_dir: str | None
) -> None:
    """Write stored alerts as lines of JSON, whole, each with its number in the store; oldest first.

    A running agent is not disturbed. Example: falcohost store export --since 7d --to alerts.jsonl
    """
    from falcohost.cli.store_export import export

    which = wanted(since, rule, source)
    directory, _ = _directory(flags, state_dir)
    with _progress("written") as progress:
        count = export(directory, which, path, progress)
    if path is not None:
        click.echo(f"{count:,} alerts are in {path}.")


def _directory(flags: Flags, state_dir: str | None) -> tuple[Path, Config]:
    config = load_config(flags.config, flags.options)
    return state_directory(state_dir or config.state.directory), config


def _lines(found: Overview) -> Iterator[str]:
    yield f"{click.style(found.path, bold=True)}: {found.alerts:,} alerts, {_size(found.size)}"
    for part in found.sources:
        name = click.style(printable(part.source), fg="cyan")
        yield f"  {name}: {part.alerts:,} alerts, from {_time(part.first)} to {_time(part.last)}"
    for mark in found.marks:
        waiting = "has all" if not mark.waiting else click.style(_waiting(mark), fg="yellow")
        yield f"  output {click.style(printable(mark.name), fg='cyan')}: {waiting}"
        if mark.parked:
            yield click.style(f"    {_alerts(mark.parked, 'is', 'are')} parked: falcohost store parked", fg="yellow")
    for source, cursor in found.cursors.items():
        yield f"  {click.style(printable(source), fg='cyan')} goes on after {_short(printable(cursor))}"


def _waiting(mark: Mark) -> str:
    return f"{_alerts(mark.waiting, 'waits', 'wait')} for it, the first for {duration(mark.lag)}"


def _alerts(count: int, one: str, several: str) -> str:
    return f"1 alert {one}" if count == 1 else f"{count:,} alerts {several}"


def _time(time: int) -> str:
    return local_time(time, date=True, fraction=False)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _size(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB" if size >= 1 << 20 else f"{size / 2**10:,.0f} KiB"


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Callable[[int], object]]:
    """Yield what shows a number of alerts on a terminal, in a line that is erased at the end."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    try:
        yield lambda count: click.echo(f"\r{count:,} alerts {what}\x1b[K", nl=False, err=True)
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)
