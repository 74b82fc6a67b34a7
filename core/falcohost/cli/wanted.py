"""Options that choose among stored alerts: the same ones for every command that reads them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click

from falcohost.cli import complete
from falcohost.durations import seconds_of
from falcohost.engine.texts import valid
from falcohost.errors import ConfigError
from falcohost.store.history import Wanted

F = TypeVar("F", bound=Callable[..., object])

#: The largest number that the store knows: a time in nanoseconds since the epoch, or a count.
LARGEST = (1 << 63) - 1

STATE_DIR = click.option(
    "--state-dir", metavar="PATH", help="The agent's state directory; default: the configured one."
)

_OPTIONS = (
    click.option("--since", metavar="WHEN", help="Only alerts since a time (2026-11-25T14:00), or of the last 2h."),
    click.option(
        "--rule",
        default="*",
        metavar="NAME",
        shell_complete=complete.rules,
        help="Only alerts of rules with this name; wildcards allowed.",
    ),
    click.option(
        "--source",
        default="",
        metavar="NAME",
        shell_complete=complete.sources_of_alerts,
        help="Only alerts of this event source.",
    ),
)


def choosing(command: F) -> F:
    """Give *command* the options ``--since``, ``--rule`` and ``--source``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def wanted(since: str | None, rule: str, source: str) -> Wanted:
    """Return what these options choose.

    :raises ConfigError: *since* is neither a time nor an age.
    """
    return Wanted(nanoseconds(since) if since else 0, valid(rule), valid(source))


def nanoseconds(when: str) -> int:
    """Return the time that *when* gives, as a time or as an age, in nanoseconds since the epoch.

    :raises ConfigError: it is neither.
    """
    if (age := seconds_of(when)) is not None:
        return max(0, time.time_ns() - age * 1_000_000_000)
    try:
        return min(max(0, int(datetime.fromisoformat(when).timestamp() * 1e9)), LARGEST)
    except (ValueError, OverflowError) as error:
        problem = f"--since {when}: give a time such as 2026-11-25T14:00, or an age such as 30m, 2h or 7d"
        raise ConfigError(problem) from error
