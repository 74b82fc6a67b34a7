"""``falcohost upgrade``: has the running agent go over to the version that is installed now, and waits for that."""

from __future__ import annotations

from collections.abc import Callable

import click

from falcohost.cli.flags import Flags
from falcohost.clock import SYSTEM, Clock
from falcohost.errors import FalcohostError, StateError
from falcohost.host.config import load_config
from falcohost.host.connection import Connection
from falcohost.host.snapshot import Snapshot
from falcohost.store.directory import state_directory

#: Seconds within which the new version has to watch, and between two looks.
_PATIENCE, _LOOK = 60.0, 0.1


@click.command(name="upgrade")
@click.option("--state-dir", metavar="PATH", help="The agent's state directory; default: the configured one.")
@click.pass_obj
def command(flags: Flags, state_dir: str | None) -> None:
    """Have the running agent go over to the version that is installed now.

    The agent checks whether that version would start as it is configured. If not, it goes on as it is, and this command
    says why. Otherwise it executes itself anew; no event is lost.
    """
    directory = state_directory(state_dir or load_config(flags.config, flags.options).state.directory)
    connection = Connection(directory)
    try:
        if problem := connection.upgrade():
            raise FalcohostError(f"the agent goes on as it is: {problem}")
        connection.wait_for_end(_PATIENCE)
    finally:
        connection.close()
    now = _next(lambda: Connection(directory))
    states = ", ".join(f"{one.state.name} is {one.state.state}" for one in now.sources)
    click.echo(f"The agent is now falcohost {now.version}: {states or 'it has no source'}.")


def _next(connect: Callable[[], Connection], clock: Clock = SYSTEM) -> Snapshot:
    """Wait for an agent whose sources are open; return what it says, also if some are not in the end.

    :raises StateError: none is there.
    """
    end = clock.monotonic() + _PATIENCE
    found, problem = None, ""
    while clock.monotonic() < end:
        try:
            connection = connect()
            try:
                found = connection.ask()
            finally:
                connection.close()
            if all(one.state.state in ("open", "ended") for one in found.sources):
                return found
        except StateError as error:
            problem = str(error)
        clock.sleep(_LOOK)
    if found is not None:
        return found
    raise StateError(f"the agent is not back after {_PATIENCE:.0f} s: {problem}; its log says more")
