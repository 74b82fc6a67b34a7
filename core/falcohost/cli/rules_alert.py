"""Finds the stored alert that ``falcohost rules explain`` is given by its id."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.cli.rules_events import Given, read_text
from falcohost.cli.stored_json import stored_json
from falcohost.engine.alerts import INTERNAL
from falcohost.errors import StateError
from falcohost.regular import is_there
from falcohost.store.directory import state_directory
from falcohost.store.history import History

#: What an alert's id looks like (:func:`falcohost.engine.alerts.alert_id`).
_ID = re.compile("(?:[0-9a-f]{8})?[0-9a-f]{24}")


def ids_and_files(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return which *arguments* are ids of alerts, and which are names of files."""
    ids = [one for one in arguments if _ID.fullmatch(one) and not is_there(one)]
    return ids, [one for one in arguments if one not in ids]


def read_stored(flags: Flags, alert: str, state_dir: str | None) -> Given:
    """Return the stored alert with the id *alert*.

    :raises StateError: there is none, or it is about the agent itself.
    """
    history = History(state_directory(state_dir or flags.configuration().state.directory))
    with contextlib.closing(history):
        stored = history.with_id(alert)
    if stored.alert.source == INTERNAL:
        raise StateError(f"falcohost raised the alert {alert} about itself, without a rule: {stored.alert.message}")
    return read_text(f"alert {alert}", stored_json(stored).encode())


def complete_argument(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the id of an alert, and names of files."""
    return [*complete.alerts(ctx, parameter, incomplete), CompletionItem(incomplete, type="file")]
