"""Checks that fields of JSON records read only the paths they declare, by comparing part of a record with the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from falcohost.engine.paths import getter, path_keys
from falcohost.fields import Field
from falcohost.jsonlog import JsonEvent, JsonLog, event_of
from falcohost.jsonlog.decode import whole_record
from falcohost.jsonlog.projection import Projection, paths_tree
from falcohost.testing.values import arguments

Record = dict[str, Any]

#: Values that nobody expects in a record.
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1.5,
    10**30,
    "",
    "text",
    [],
    [None, 1, "x"],
    [{}],
    {},
    {"name": []},
    "\u00e9\U0001f600",
)

_LOG = JsonLog(source="tested", plugin="tested")


def projection_problems(fields: Iterable[Field], records: Sequence[Record]) -> list[str]:
    """Return a sentence for each field whose value differs between its declared part of a record and the whole record.

    It tries all *records*, and copies of them with odd values, or none, at the field's paths and on the way to them.
    """
    return [
        problem
        for field in fields
        for paths in [field.reads or ((field.path,) if field.path is not None else ())]
        if paths
        for problem in _problems(field, paths, records)
    ]


def _problems(field: Field, paths: tuple[str, ...], records: Sequence[Record]) -> Iterator[str]:
    project = Projection(paths_tree(paths)).one
    read = getter(field)
    for odd in (odd for record in records for odd in mutations(record, paths)):
        raw = msgspec.json.encode(odd)
        part, complete = event_of(_LOG, raw), event_of(_LOG, raw)
        part.record = _projected(project, part)
        for arg in arguments(field):
            if read(part, arg) != read(complete, arg):
                shown = field.name if arg is None else f"{field.name}[{arg}]"
                yield f"{shown} reads more than {', '.join(paths)}: on {raw.decode()}"
                return


def _projected(project: Any, event: JsonEvent) -> Record:
    try:
        found: Record = project(event.raw)
    except msgspec.ValidationError:
        return whole_record(event.raw)
    return found


def mutations(record: Record, paths: Iterable[str]) -> Iterator[Record]:
    """Yield *record* and, for each step of each of *paths*, copies without it and with each of :data:`ODD` there."""
    yield record
    steps = {keys[: length + 1] for keys in map(path_keys, paths) for length in range(len(keys))}
    for keys in sorted(steps):
        yield _changed(record, keys, remove=True)
        for value in ODD:
            yield _changed(record, keys, value)


def _changed(record: Record, keys: tuple[str, ...], value: Any = None, *, remove: bool = False) -> Record:
    """Return *record* with *value* at *keys*, or with nothing there; objects that are not on the way are shared."""
    key, *rest = keys
    changed = dict(record)
    if rest:
        below = record.get(key)
        changed[key] = _changed(below if isinstance(below, dict) else {}, tuple(rest), value, remove=remove)
    elif remove:
        changed.pop(key, None)
    else:
        changed[key] = value
    return changed
