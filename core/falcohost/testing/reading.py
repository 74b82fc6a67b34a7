"""Reads all events of a source that ends by itself, for tests of which events it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from falcohost.events import Plan

#: Called with the plugin's settings; returns the events, and the number of skipped records by cause.
Read = Callable[..., tuple[list[Any], dict[str, int]]]


@contextmanager
def reading(plugin: Any) -> Iterator[Read]:
    """Yield a function that reads all events of the only source of *plugin*; sources are closed at the end."""
    with ExitStack() as opened:

        def read(**settings: Any) -> tuple[list[Any], dict[str, int]]:
            (spec,) = plugin.falcohost_sources(settings)
            source = spec.make(settings)
            opened.callback(source.close)
            source.open(Plan(source=spec.name), None)
            events = [event for batch in source.batches() for event in batch.events]
            return events, dict(source.stats().dropped)

        yield read
