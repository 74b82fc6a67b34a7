"""``falcohost stats``: prints the running agent's counters, and measures what events cost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext

import click
from msgspec.structs import replace

from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import json_line, pretty_json
from falcohost.cli.program_runs import ProgramRuns
from falcohost.cli.seconds import Seconds
from falcohost.cli.stats_text import stats_text
from falcohost.clock import SYSTEM, Clock
from falcohost.errors import StateError
from falcohost.host.config import load_config
from falcohost.host.connection import Connection
from falcohost.host.snapshot import Snapshot
from falcohost.store.directory import state_directory

#: Seconds between two readings with ``--watch``.
_LOOK = 2.0

#: Seconds within which every source must have started to measure.
_PATIENCE = 5.0


@click.command(name="stats")
@click.option("--cost", type=Seconds(min=1), metavar="SECONDS", help="Measure for SECONDS what events cost.")
@click.option("-w", "--watch", is_flag=True, help="Keep printing the changes until Ctrl-C.")
@click.option("--full", is_flag=True, help="Print all event types.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --watch one object per line.")
@click.option("--state-dir", metavar="PATH", help="The agent's state directory; default: the configured one.")
@click.pass_obj
def command(flags: Flags, cost: float | None, watch: bool, full: bool, as_json: bool, state_dir: str | None) -> None:
    """Print statistics of the running agent: by source and event type, its outputs, its store.

    The numbers count from the start of the agent; with --cost or --watch, from the previous reading. With --cost the
    event types that cost most come first; root also gets the programs in the kernel. Measuring slows down the system
    calls that rules want a little; it stops when this command ends.
    """
    configured = state_dir or load_config(flags.config, flags.options).state.directory
    connection = Connection(state_directory(configured))
    try:
        programs = ProgramRuns()
        for numbers in looks(connection, cost, watch=watch, programs=programs):
            if as_json:
                click.echo(json_line(numbers.as_json()) if watch else pretty_json(numbers.as_json()))
                continue
            if watch and sys.stdout.isatty():
                click.clear()
            click.echo("\n".join([*stats_text(numbers, full=full), *([""] if watch else [])]))
        if programs.problem:
            click.echo(f"What programs in the kernel cost cannot be measured: {programs.problem}.", err=True)
    finally:
        connection.close()


def looks(
    connection: Connection,
    cost: float | None,
    *,
    watch: bool,
    clock: Clock = SYSTEM,
    programs: ProgramRuns | None = None,
) -> Iterator[Snapshot]:
    """Yield the agent's numbers once, or with *watch* repeatedly, each time the change since the previous reading.

    :param cost: seconds to measure what events cost, before each reading.
    :param programs: measures the agent's programs in the kernel meanwhile.
    :raises StateError: the agent has ended, or a source does not start to measure.
    """
    if cost is None and not watch:
        yield connection.ask()
        return
    measure = cost is not None
    before = _begin_to_measure(connection, clock) if measure else connection.ask()
    programs = programs or ProgramRuns()
    with programs.counting(pids(before)) if measure else nullcontext():
        programs.since_before(pids(before))
        while True:
            clock.sleep(cost or _LOOK)
            now = connection.ask(measure=measure)
            yield replace(now.since(before), programs=programs.since_before(pids(now)))
            if not watch:
                return
            before = now


def pids(found: Snapshot) -> set[int]:
    """Return the agent's processes."""
    return {found.pid, *(one.state.pid for one in found.processes)}


def _begin_to_measure(connection: Connection, clock: Clock) -> Snapshot:
    """Have every source start to measure; return the numbers from that moment.

    :raises StateError: a source does not start.
    """
    end = clock.monotonic() + _PATIENCE
    while True:
        found = connection.ask(measure=True)
        states = [source.state for source in found.sources]
        late = [one.name for one in states if one.state == "open" and not one.measuring]
        if not late:
            return found
        if clock.monotonic() > end:
            raise StateError(f"the source {late[0]} is too busy to start measuring; try again")
        clock.sleep(0.1)
