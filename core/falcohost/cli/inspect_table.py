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
MEASURED = 200
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


def table(inspection: Inspection, names: Sequence[str], measured: int = MEASURED) -> Iterator[str]:
    """Yield a table with these fields as columns; without *measured* rows, columns become wider as they need to."""
    templates = [inspection.template(f"%{name}") for name in names]
    inspection.open(inspection.of_fields(names))
    rows = ([template.message(event) for template in templates] for event in inspection.events())
    return _table(names, rows, measured)


def _table(names: Sequence[str], rows: Iterator[list[str]], measured: int) -> Iterator[str]:
    first = list(itertools.islice(rows, measured or 1))
    if not first:
        return
    widths = _wider([0] * len(names), (names, *first))
    yield click.style(_line(names, widths), bold=True)
    for row in itertools.chain(first, rows):
        if not measured:
            widths = _wider(widths, (row,))
        yield _line(row, widths)


def _wider(widths: Sequence[int], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return widths at which the cells of *rows* have room, up to the widest that a column is made."""
    columns = zip(*rows, strict=True)
    return [max(width, min(max(map(len, column)), _WIDEST)) for width, column in zip(widths, columns, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
