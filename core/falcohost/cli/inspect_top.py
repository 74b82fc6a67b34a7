"""Counts events by the values of fields: who did most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click

from falcohost.cli.inspect_events import Inspection
from falcohost.cli.jsonline import json_line
from falcohost.engine.render import json_value

#: Rows without --count.
ROWS = 20
#: Most different values that are counted; events with further ones are counted together.
MOST = 100_000
_BYTES = "evt.buflen"


class Row(NamedTuple):
    """What has the same values.

    :ivar texts: the values as text.
    :ivar values: the values for JSON.
    :ivar size: bytes that were read and written.
    """

    texts: tuple[str, ...]
    values: tuple[object, ...]
    events: int
    size: int


def rows(inspection: Inspection, names: Sequence[str]) -> tuple[list[Row], Row]:
    """Return the rows, those with most events first, and one of the events whose values were not kept."""
    output = [inspection.template(f"%{name}") for name in names]
    getters, (size,) = inspection.getters(names), inspection.getters((_BYTES,))
    inspection.open(inspection.of_fields((*names, _BYTES)))
    found: dict[tuple[str, ...], list[int]] = {}
    values: dict[tuple[str, ...], tuple[object, ...]] = {}
    others = [0, 0]
    for event in inspection.events():
        key = tuple(template.message(event) for template in output)
        row = found.get(key)
        if row is None and len(found) < MOST:
            row = found[key] = [0, 0]
            values[key] = tuple(json_value(get(event)) for get in getters)
        row = others if row is None else row
        row[0] += 1
        row[1] += size(event) or 0
    sorted_rows = sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    return [Row(key, values[key], *counts) for key, counts in sorted_rows], Row((), (), *others)


def text(names: Sequence[str], found: Sequence[Row], others: Row, count: int) -> Iterator[str]:
    """Yield the first *count* rows as a table."""
    total = sum(row.events for row in found) + others.events
    if not total:
        return
    shown = found[:count]
    widths = [max(map(len, column)) for column in zip(names, *(row.texts for row in shown), strict=True)]
    yield click.style(f"{'events':>9}  {'share':>6}  {'bytes':>13}  " + _cells(names, widths), bold=True)
    for row in shown:
        yield f"{row.events:>9,}  {row.events / total:>6.1%}  {row.size:>13,}  {_cells(row.texts, widths)}"
    if len(found) > count or others.events:
        left = sum(row.events for row in found[count:]) + others.events
        some = f"{'more than ' if others.events else ''}{len(found) - len(shown):,} others"
        yield click.style(f"{left:>9,}  {left / total:>6.1%}  {'':>13}  {some}", dim=True)


def as_json(names: Sequence[str], found: Sequence[Row], count: int) -> Iterator[str]:
    """Yield the first *count* rows as lines of JSON."""
    for row in found[:count]:
        yield json_line(dict(zip(names, row.values, strict=True)) | {"events": row.events, "bytes": row.size})


def _cells(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
