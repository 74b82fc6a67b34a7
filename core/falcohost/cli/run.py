"""``falcohost run``: watch, and print alerts. What Falco needs a configuration for are options here."""

from __future__ import annotations

from dataclasses import replace

import click

from falcohost.cli import start
from falcohost.cli.flags import Flags


@click.command(name="run")
@click.option("-r", "--rules", multiple=True, metavar="PATH", help="Rules file or folder; default: those configured.")
@click.option("-s", "--source", "sources", multiple=True, metavar="NAME", help="Watch this event source only.")
@click.option("--json", "as_json", is_flag=True, help="Print alerts as JSON, one a line.")
@click.option("-t", "--seconds", type=float, default=0, metavar="SECONDS", help="Stop after so many seconds.")
@click.option("-c", "--config", metavar="PATH", help="Configuration file.")
@click.option("-o", "--option", "options", multiple=True, metavar="KEY=VAL", help="Set a key of the configuration.")
@click.option("--dry-run", is_flag=True, help="Check everything, and do not run.")
@click.pass_obj
def command(
    flags: Flags,
    rules: tuple[str, ...],
    sources: tuple[str, ...],
    as_json: bool,
    seconds: float,
    config: str | None,
    options: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Watch this host and print what the rules find, until Ctrl-C.

    Without options it is 'falcohost' with alerts on the terminal as they come.
    """
    wanted = replace(
        flags,
        config=config or flags.config,
        options=(*flags.options, "stdout_output.enabled=true", *(["json_output=true"] if as_json else []), *options),
        rules=rules or flags.rules,
        enable_source=sources or flags.enable_source,
        seconds=seconds or flags.seconds,
        unbuffered=True,
        dry_run=dry_run or flags.dry_run,
    )
    start.start(wanted, start.configure(wanted))
