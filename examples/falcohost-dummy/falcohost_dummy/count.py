"""``falcohost count``: the numbers that the source counts, without rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from falcohost import Plan
from falcohost_dummy.source import Counter


def command(settings: Mapping[str, Any]) -> click.Command:
    """Return the command, for the plugin's configuration."""

    @click.command(name="count")
    @click.option("--from", "begin", default=0, help="Begin behind this number.")
    def count(begin: int) -> None:
        """Print the numbers, one a line."""
        source = Counter.from_config(settings)
        source.open(Plan(source="dummy"), str(begin))
        for batch in source.batches():
            for tick in batch.events:
                click.echo(tick.key)

    return count
