"""``falcohost inspect``: shows events of a capture or of this host, as a table, JSON, process tree, story or counts."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.cli.seconds import Seconds
from falcohost.cli.stopping import stopping
from falcohost.errors import ConfigError

if TYPE_CHECKING:
    from falcohost.cli.inspect_events import Inspection
    from falcohost.host.config import Config

#: What less does where the user has not said: one screen is not paged, colours are shown, the text stays.
_LESS = "FRX"


@click.command(name="inspect")
@click.argument("words", nargs=-1, metavar="FILE|--live [FILTER]...")
@click.option("--live", is_flag=True, help="Show what happens on this host, until Ctrl-C, instead of a FILE.")
@click.option(
    "-t", "--seconds", type=Seconds(min=0, min_open=True), metavar="SECONDS", help="With --live: stop after this time."
)
@click.option(
    "-f", "--fields", metavar="FIELD,…", shell_complete=complete.fields_of_calls, help="Fields to show, as columns."
)
@click.option("-p", "--format", "form", metavar="FORMAT", help="Format of each line: '%evt.time %proc.name %fd.name'.")
@click.option("--pid", type=int, metavar="PID", help="Tell the story of this process; with others, only its events.")
@click.option("--tree", is_flag=True, help="Show the processes that the events are of, below their parents.")
@click.option(
    "--top", metavar="FIELD,…", shell_complete=complete.fields_of_calls, help="Count events by the values of FIELDs."
)
@click.option(
    "-n", "--count", type=click.IntRange(min=1), metavar="COUNT", help="Show COUNT lines, without headings (--top: 20)."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
@click.option("--from", "begin", metavar="TIME", help="Leave out events before this time.")
@click.option("--to", "end", metavar="TIME", help="Leave out events behind this time.")
@click.pass_context
def command(
    ctx: click.Context,
    words: Sequence[str],
    live: bool,
    seconds: float | None,
    fields: str | None,
    form: str | None,
    pid: int | None,
    tree: bool,
    top: str | None,
    count: int | None,
    as_json: bool,
    begin: str | None,
    end: str | None,
) -> None:
    """Show the events of FILE, a capture of Falco or sysdig, that match FILTER: a condition as in rules.

    With --live, events of this host are shown as they happen, which needs root; --tree and --top are printed at the
    end. Times are such as 2026-11-28T08:14:00, or +90s for the time after the first event. On a terminal the output of
    a capture is paged.

    Example: falcohost inspect FILE.scap --top proc.name,fd.name 'evt.type = openat and evt.failed = true'

    Example: falcohost inspect --live 'evt.type = execve' -p '%proc.pname: %proc.cmdline'
    """
    from falcohost.cli import inspect_story
    from falcohost.cli.inspect_events import Inspection
    from falcohost.host.precedence import take_precedence

    file, words = _file(words, live=live)
    if live and (begin or end):
        raise ConfigError("--from and --to are for captures; --seconds ends --live")
    if seconds is not None and not live:
        raise ConfigError("--seconds is for --live; --to ends the part of a capture that is shown")
    _check_alone({"--fields": fields, "--format": form, "--tree": tree, "--top": top})
    if form is not None and as_json:
        raise ConfigError("--format is text; --fields chooses the fields of --json")
    filters = [("FILTER", " ".join(words))] if words else []
    filters += [] if pid is None else [("--pid", f"proc.pid = {pid}")]
    config = ctx.obj.configuration() if live else _config(ctx.obj, file, begin, end)
    inspection = Inspection(config, *filters)
    story = pid is not None and not (fields or form or tree or top)
    inspection.seconds = seconds
    if live:
        take_precedence(config.nice)
    with stopping(inspection) if live else contextlib.nullcontext():
        lines = _lines(
            inspection, fields, form, tree=tree, top=top, count=count, as_json=as_json, story=story, live=live
        )
        headings = 0 if as_json or form else inspect_story.HEADINGS if story else 1
        _print(ctx, lines if count is None or top else _first(lines, headings + count), paged=not live)
    _sum_up(inspection, file)


def _file(words: Sequence[str], *, live: bool) -> tuple[str, Sequence[str]]:
    """Return the file among the words of the command line, and those of the filter."""
    if live:
        if words and Path(words[0]).is_file():
            raise ConfigError(f"--live shows what happens on this host; leave out {words[0]}")
        return "this host", words
    if not words:
        raise ConfigError("name a capture, or use --live for what happens on this host")
    if Path(words[0]).is_dir():
        raise ConfigError(f"{words[0]} is a directory; name a capture")
    if not Path(words[0]).exists():
        raise ConfigError(f"{words[0]}: there is no such file; the capture stands before the filter")
    return words[0], words[1:]


def _check_alone(given: dict[str, object]) -> None:
    """Check that not two of the options are *given*."""
    chosen = [option for option, value in given.items() if value]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} are different outputs; choose one")


def _config(flags: Flags, file: str, begin: str | None, end: str | None) -> Config:
    """Return the configuration with which the source of system calls reads *file*."""
    settings = {"kind": "replay", "replay.capture_file": str(Path(file).absolute())}
    settings |= {f"replay.{name}": told for name, told in (("from", begin), ("to", end)) if told is not None}
    options = tuple(f"engine.{key}={told}" for key, told in settings.items())
    return replace(flags, options=(*flags.options, *options)).configuration()


def _lines(
    inspection: Inspection,
    fields: str | None,
    form: str | None,
    *,
    tree: bool,
    top: str | None,
    count: int | None,
    as_json: bool,
    story: bool,
    live: bool,
) -> Iterator[str]:
    """Open the capture; return the lines of the output that is asked for."""
    from falcohost.cli import inspect_story, inspect_table, inspect_top, inspect_tree

    if top:
        names = inspection.columns("--top", top)
        found, others = inspect_top.rows(inspection, names)
        most = count or inspect_top.ROWS
        return inspect_top.as_json(names, found, most) if as_json else inspect_top.text(names, found, others, most)
    if tree:
        whole = inspect_tree.Tree(inspection)
        whole.read()
        return inspect_tree.as_json(whole) if as_json else inspect_tree.text(whole)
    if story:
        return inspect_story.as_json(inspection) if as_json else inspect_story.text(inspection)
    if form is not None:
        return inspect_table.formatted(inspection, inspection.template(form))
    names = inspection.columns("--fields", fields) if fields else list(inspect_table.COLUMNS)
    if as_json:
        return inspect_table.as_json(inspection, inspection.of_fields(names))
    return inspect_table.table(inspection, names, measured=0 if live else inspect_table.MEASURED)


def _first(lines: Iterator[str], count: int) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        yield line
        if number >= count:
            return


def _print(ctx: click.Context, lines: Iterator[str], *, paged: bool) -> None:
    """Print *lines*, on a terminal through the user's pager if they are to be *paged*."""
    if not paged or not sys.stdout.isatty():
        for line in lines:
            click.echo(line)
        return
    os.environ.setdefault("LESS", _LESS)
    click.echo_via_pager((f"{line}\n" for line in lines), color=ctx.find_root().color is not False)


def _sum_up(inspection: Inspection, file: str) -> None:
    """Say on stderr that nothing was found, or that something of the capture was left out."""
    stats = inspection.stats()
    if lost := sum(number for cause, number in stats.dropped.items() if cause != "damaged"):
        click.echo(f"{file}: {lost:,} events were lost", err=True)
    if not inspection.shown:
        click.echo(f"{file}: none of {stats.received:,} events matches", err=True)
    if damaged := stats.dropped.get("damaged"):
        places = "1 damaged place was" if damaged == 1 else f"{damaged:,} damaged places were"
        click.echo(f"{file}: {places} left out", err=True)
