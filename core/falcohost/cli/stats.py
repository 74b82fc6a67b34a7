"""``falcohost stats``: what the agent that runs here has seen, left out, matched and lost, and what it cost."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import click

from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import json_line, pretty_json
from falcohost.cli.stats_text import stats_text
from falcohost.errors import StateError
from falcohost.host.config import load_config
from falcohost.host.connection import Connection
from falcohost.host.snapshot import Snapshot
from falcohost.store.directory import state_directory

#: Seconds between two looks with ``--watch``.
_LOOK = 2.0

#: Seconds within which every source has to have begun to measure.
_PATIENCE = 5.0


@click.command(name="stats")
@click.option("--cost", type=click.FloatRange(min=1), metavar="SECONDS", help="Measure so long what events cost.")
@click.option("-w", "--watch", is_flag=True, help="Print again and again what has come since, until Ctrl-C.")
@click.option("--full", is_flag=True, help="Leave out no event type.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --watch one object a line.")
@click.option("--state-dir", metavar="PATH", help="The agent's state directory; default: the configured one.")
@click.pass_obj
def command(flags: Flags, cost: float | None, watch: bool, full: bool, as_json: bool, state_dir: str | None) -> None:
    """Print the numbers of the agent that runs here: by source and event type, its outputs, its store.

    They count from the agent's start; with --cost or --watch they are those of the time in between, and the event types
    that cost most stand first. Measuring itself slows system calls that rules want down a little, and ends with this
    command.
    """
    configured = state_dir or load_config(flags.config, flags.options).state.directory
    connection = Connection(state_directory(configured))
    try:
        for numbers in looks(connection, cost, watch=watch):
            if as_json:
                click.echo(json_line(numbers.as_json()) if watch else pretty_json(numbers.as_json()))
                continue
            if watch and sys.stdout.isatty():
                click.clear()
            click.echo("\n".join([*stats_text(numbers, full=full), *([""] if watch else [])]))
    finally:
        connection.close()


def looks(
    connection: Connection, cost: float | None, *, watch: bool, sleep: Callable[[float], object] = time.sleep
) -> Iterator[Snapshot]:
    """Yield what the agent says: once, or with *watch* again and again what has come since the look before.

    :param cost: how many seconds to measure what events cost, before each look.
    :raises StateError: the agent has ended, or a source does not begin to measure.
    """
    if cost is None and not watch:
        yield connection.ask()
        return
    measure = cost is not None
    before = _begin_to_measure(connection) if measure else connection.ask()
    while True:
        sleep(cost or _LOOK)
        now = connection.ask(measure=measure)
        yield now.since(before)
        if not watch:
            return
        before = now


def _begin_to_measure(connection: Connection) -> Snapshot:
    """Return the first numbers behind which costs are measured.

    :raises StateError: a source does not begin.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        found = connection.ask(measure=True)
        states = [source.state for source in found.sources]
        late = [one.name for one in states if one.state == "open" and not one.measuring]
        if not late:
            return found
        if time.monotonic() > end:
            raise StateError(f"the source {late[0]} is too busy to begin to measure; try again")
        time.sleep(0.1)
