"""Shows events line by line: as a table, in a format of the user's, or as JSON."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import click

from falcohost.cli.inspect_events import Inspection
from falcohost.cli.jsonline import json_line
from falcohost.engine.template import Template

#: The columns without --fields.
COLUMNS = ("evt.num", "evt.time", "proc.name", "thread.tid", "evt.type", "evt.args")
#: Events that decide how wide columns are; later ones may be wider.
_MEASURED = 200
#: The widest that a column is made.
_WIDEST = 60


def formatted(inspection: Inspection, output: Template) -> Iterator[str]:
    """Yield each event in the format *output*."""
    inspection.open(output)
    return (output.message(event) for event in inspection.events())


def as_json(inspection: Inspection, output: Template) -> Iterator[str]:
    """Yield the fields of *output*, of each event as a line of JSON."""
    inspection.open(output)
    return (json_line(output.values(event)) for event in inspection.events())


def table(inspection: Inspection, names: Sequence[str]) -> Iterator[str]:
    """Yield a table with these fields as columns."""
    templates = [inspection.template(f"%{name}") for name in names]
    inspection.open(inspection.of_fields(names))
    rows = ([template.message(event) for template in templates] for event in inspection.events())
    return _table(names, rows)


def _table(names: Sequence[str], rows: Iterator[list[str]]) -> Iterator[str]:
    first = list(itertools.islice(rows, _MEASURED))
    if not first:
        return
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(names, *first, strict=True)]
    yield click.style(_line(names, widths), bold=True)
    for row in itertools.chain(first, rows):
        yield _line(row, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
