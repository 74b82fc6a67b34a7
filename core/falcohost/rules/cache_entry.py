"""Encodes a loaded ruleset and the warnings of loading it as bytes, and decodes them.

Typed msgpack, decoded by msgspec: only data, no code. Only rules that were loaded without an error can be encoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

import msgspec

from falcohost.engine.catalog import Catalog
from falcohost.engine.codec.decode import ruleset
from falcohost.engine.codec.encode import ruleset_row
from falcohost.engine.codec.rows import CodecError, Index, RulesetRow
from falcohost.rules.cache_key import SIZE
from falcohost.rules.codes import WarningCode
from falcohost.rules.loaded import Loaded
from falcohost.rules.places import Context, Location, Place, RulesFile
from falcohost.rules.results import FileResult, Problem, Spot

#: The beginning of every entry; the number changes with the format.
_MAGIC = b"falcohost rules 1\n"


#: The largest line and column accepted from an entry: messages put a caret below the column.
_Small: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 24)]


class _PlaceRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    offset: Index
    line: _Small
    column: _Small


class _LocationRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    kind: str
    name: str
    where: str
    place: _PlaceRow


class _ContextRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    file: Index
    locations: list[_LocationRow]
    condition: str | None


class _SpotRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    file: Index
    place: _PlaceRow


class _WarningRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    code: str
    message: str
    context: _ContextRow
    said: str | None
    spot: _SpotRow | None
    via: tuple[str, ...]
    hint: str | None
    field: str | None


class _ResultRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    schema: list[str]
    warnings: list[_WarningRow]


class _EntryRow(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    ruleset: RulesetRow
    results: list[_ResultRow]


_decoder = msgspec.msgpack.Decoder(_EntryRow)


def to_bytes(loaded: Loaded, key: bytes) -> bytes:
    """Return *loaded*, the result of loading the content that *key* stands for, as bytes.

    :raises CodecError: a part of it cannot be encoded.
    """
    files = [result.file for result in loaded.results]
    results = [
        _ResultRow(result.schema, [_warning_row(problem, files) for problem in result.warnings])
        for result in loaded.results
    ]
    try:
        body = msgspec.msgpack.encode(_EntryRow(ruleset_row(loaded.ruleset), results))
    except (UnicodeEncodeError, OverflowError) as error:
        raise CodecError(str(error)) from None
    return _MAGIC + key + _digest(key, body) + body


def from_bytes(data: bytes, key: bytes, files: Sequence[RulesFile], catalogs: Mapping[str, Catalog]) -> Loaded:
    """Return the result of loading *files* with *catalogs*, as *data* has it.

    :raises CodecError: *data* is damaged, or belongs to another *key*.
    """
    head = _MAGIC + key
    body = data[len(head) + SIZE :]
    if not data.startswith(head) or data[len(head) : len(head) + SIZE] != _digest(key, body):
        raise CodecError("the entry is damaged, or another one's")
    try:
        entry = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError(str(error)) from None
    if len(entry.results) != len(files):
        raise CodecError("the entry is of other files")
    results = tuple(_result(row, file, files) for row, file in zip(entry.results, files, strict=True))
    return Loaded(results, None, ruleset(entry.ruleset, catalogs))


def _digest(key: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(body, key=key, digest_size=SIZE).digest()


def _warning_row(problem: Problem, files: Sequence[RulesFile]) -> _WarningRow:
    context, spot = problem.context, problem.spot
    return _WarningRow(
        code=problem.code.name,
        message=problem.message,
        context=_ContextRow(_number(context.file, files), [*map(_location_row, context.locations)], context.condition),
        said=problem.said,
        spot=None if spot is None else _SpotRow(_number(spot.file, files), _place_row(spot.place)),
        via=problem.via,
        hint=problem.hint,
        field=problem.field,
    )


def _number(file: RulesFile, files: Sequence[RulesFile]) -> int:
    for number, one in enumerate(files):
        if one is file:
            return number
    raise CodecError(f"{file.name} is none of the files")


def _location_row(location: Location) -> _LocationRow:
    return _LocationRow(location.kind, location.name, location.where, _place_row(location.place))


def _place_row(place: Place) -> _PlaceRow:
    return _PlaceRow(place.offset, place.line, place.column)


def _result(row: _ResultRow, file: RulesFile, files: Sequence[RulesFile]) -> FileResult:
    try:
        return FileResult(file.name, file, row.schema, [], [_warning(warning, files) for warning in row.warnings])
    except (IndexError, KeyError) as error:
        raise CodecError(f"there is no {error}") from None


def _warning(row: _WarningRow, files: Sequence[RulesFile]) -> Problem:
    if not row.context.locations:
        raise CodecError("a warning stands nowhere")
    return Problem(
        code=WarningCode[row.code],
        message=row.message,
        context=Context(files[row.context.file], tuple(map(_location, row.context.locations)), row.context.condition),
        said=row.said,
        spot=None if row.spot is None else Spot(files[row.spot.file], _place(row.spot.place)),
        via=row.via,
        hint=row.hint,
        field=row.field,
    )


def _location(row: _LocationRow) -> Location:
    return Location(row.kind, row.name, row.where, _place(row.place))


def _place(row: _PlaceRow) -> Place:
    return Place(row.offset, row.line, row.column)
