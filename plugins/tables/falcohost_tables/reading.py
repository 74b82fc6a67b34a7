"""Makes a table of the bytes of a file or an answer. What is wrong is said with its line, and what mends it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from falcohost_tables.config import Column, Table
from falcohost_tables.index import Index, Refused, index_for
from falcohost_tables.rows import MOST_KEY, MOST_TEXT, Row, Value

#: The largest table: bytes and rows.
MOST_BYTES: Final = 64 << 20
MOST_ROWS: Final = 1_000_000

_TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_MARK: Final = b"\xef\xbb\xbf"  # that some programs put in front of UTF-8
_COMMENTS: Final = ("#", ";")


class Unreadable(Exception):
    """A table cannot be read; the text says where, what is wrong, and what mends it."""


def read_table(table: Table, data: bytes) -> Index:
    """Return the rows in *data*.

    :raises Unreadable: one cannot be read; then none is.
    """
    if len(data) > MOST_BYTES:
        raise Unreadable(f"{table.place} is larger than {MOST_BYTES >> 20} MiB")
    try:
        text = data.removeprefix(_MARK).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"{table.place}:{line}: this is not UTF-8: save the file as UTF-8") from error
    return _filled(table, _READERS[table.format](table, text))


def _filled(table: Table, rows: Iterable[tuple[str, Row]]) -> Index:
    index = index_for(table.match)
    for where, row in rows:
        try:
            is_alike = index.add(row)
        except Refused as error:
            raise Unreadable(f"{where}: {error}") from error
        if not is_alike:
            raise Unreadable(f"{where}: another row before it has the key '{row[0]}': remove one of them")
        if len(index) > MOST_ROWS:
            raise Unreadable(f"{table.place} has more than {MOST_ROWS:,} rows")
    return index


def _lines(table: Table, text: str) -> Iterator[tuple[str, Row]]:
    """Yield the keys in lines; what is behind # is a comment, and so is a line that begins with ;."""
    for number, line in enumerate(text.splitlines(), 1):
        found = "" if line.lstrip().startswith(_COMMENTS) else line.partition(" #")[0].strip()
        if found:
            yield _row(f"{table.place}:{number}", found, (), ())


def _csv(table: Table, text: str) -> Iterator[tuple[str, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=table.delimiter, strict=True)
    try:
        header = next(reader, [])
        places = _places(table, [name.strip() for name in header])
        for record in reader:
            where = f"{table.place}:{reader.line_num}"
            if not record:
                continue
            if len(record) != len(header):
                there = f"there are {len(record)} values, but {len(header)} columns"
                raise Unreadable(f"{where}: {there}: quote a value that has a '{table.delimiter}' in it")
            key, *values = (record[place].strip() for place in places)
            told = [_listed(table, column, value) for column, value in zip(table.columns, values, strict=True)]
            yield _row(where, key, table.columns, told)
    except csv.Error as error:
        raise Unreadable(f"{table.place}:{reader.line_num}: {error}") from error


def _listed(table: Table, column: Column, value: str) -> object:
    """Return the members of a list, which are one text in a CSV file; an empty value is absent."""
    if column.type != "list":
        return value or None
    return [member.strip() for member in value.split(table.separator) if member.strip()] or None


def _places(table: Table, header: list[str]) -> list[int]:
    """Return where the key and each column are."""
    wanted = [table.key or (header[0] if header else ""), *(column.source for column in table.columns)]
    for name in wanted:
        if name not in header:
            there = ", ".join(header[:20]) or "none"
            raise Unreadable(f"{table.place}:1: there is no column '{name}', but {there}: correct the name, or add it")
    return [header.index(name) for name in wanted]


def _json(table: Table, text: str) -> Iterator[tuple[str, Row]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        why = error.msg if isinstance(error, json.JSONDecodeError) else "it nests too deep, or has a number too long"
        raise Unreadable(f"{table.place}{line}: this is not JSON: {why}") from error
    if isinstance(found, dict) and not table.key:
        entries = [(f"{table.place}: '{key}'", key, value) for key, value in found.items()]
    elif isinstance(found, list) and table.key:
        numbered = enumerate(found, 1)
        entries = [(f"{table.place}: entry {number}", at(entry, table.key), entry) for number, entry in numbered]
    else:
        mend = "give 'key' for a list of objects, and none for an object of objects"
        raise Unreadable(f"{table.place} is neither a list of objects nor an object of objects: {mend}")
    for where, key, entry in entries:
        if not isinstance(entry, dict):
            raise Unreadable(f"{where}: it is no object")
        yield _row(where, key, table.columns, [at(entry, column.source) for column in table.columns])


def at(record: object, path: str) -> Any:
    """Return what is at *path* in *record*: the member of that name, or a way of names with dots between them."""
    if isinstance(record, Mapping) and path in record:
        return record[path]
    for name in path.split("."):
        if isinstance(record, Mapping):
            record = record.get(name)
        elif isinstance(record, list) and name.isdecimal() and int(name) < len(record):
            record = record[int(name)]
        else:
            return None
    return record


def _row(where: str, key: object, columns: Iterable[Column], values: Iterable[object]) -> tuple[str, Row]:
    if isinstance(key, bool) or not isinstance(key, (str, int)) or key == "":
        raise Unreadable(f"{where}: it has no key")
    try:
        text = _text(key)
    except Refused as error:
        raise Unreadable(f"{where}: its key: {error}") from error
    if len(text.encode()) > MOST_KEY:
        raise Unreadable(f"{where}: the key is longer than {MOST_KEY:,} bytes")
    return where, (text, *(_value(where, column, value) for column, value in zip(columns, values, strict=True)))


def _value(where: str, column: Column, value: object) -> Value:
    try:
        return value_of(column, value)
    except Refused as error:
        raise Unreadable(f"{where}: {column.source}: {error}") from error


def value_of(column: Column, value: object) -> Value:
    """Return *value* in the type of *column*.

    :raises Refused: it has another type.
    """
    if value is None:
        return None
    if column.type == "number":
        return _number(value)
    if column.type == "bool":
        found = value if isinstance(value, bool) else _TRUTHS.get(str(value).lower())
        if found is None:
            raise Refused(f"'{_short(value)}' is neither true nor false")
        return found
    if column.type == "list":
        return _members(value)
    return _text(value)


def _number(value: object) -> int:
    try:
        number = value if isinstance(value, int) and not isinstance(value, bool) else int(str(value))
    except ValueError:
        raise Refused(f"'{_short(value)}' is no whole number") from None
    if not -(1 << 63) <= number < 1 << 63:
        raise Refused(f"{_short(number)} is too large for 64 bits")
    return number


def _members(value: object) -> tuple[str, ...] | None:
    members = value if isinstance(value, list) else [value]
    found = tuple(_text(member) for member in members)
    if sum(map(len, found)) + len(found) > MOST_TEXT:
        raise Refused(f"the list has more than {MOST_TEXT:,} characters")
    return found or None


def _text(value: object) -> str:
    if isinstance(value, (dict, list)) or value is None:
        raise Refused("this is no single value")
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if len(text) > MOST_TEXT:
        raise Refused(f"the text has more than {MOST_TEXT:,} characters")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused("the text has a half of a surrogate pair")
    return text


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


_READERS: Final[Mapping[str, Callable[[Table, str], Iterable[tuple[str, Row]]]]] = {
    "csv": _csv,
    "json": _json,
    "lines": _lines,
}
