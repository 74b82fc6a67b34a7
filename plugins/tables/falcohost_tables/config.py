"""The tables that the configuration names, checked.

A table has a name, which is the first part of its fields, a place (a file or a URL), and columns.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from falcohost import ConfigError

#: What a field's name may be made of (Falco's grammar).
_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")

FORMATS: Final = ("csv", "json", "lines", "maxmind")
MATCHES: Final = ("exact", "ignore_case", "network")
TYPES: Final = ("text", "number", "bool", "list")

_ENDINGS: Final = {".csv": "csv", ".tsv": "csv", ".json": "json", ".mmdb": "maxmind"}

#: Most columns of a table, and seconds between two fetches, at least.
MOST_COLUMNS: Final = 32
SHORTEST: Final = 1.0

#: The field that every table has, beside its columns.
KEY: Final = "key"

#: Columns of a MaxMind database that is given none: what is in the databases of MaxMind.
MAXMIND: Final[Mapping[str, Mapping[str, str]]] = {
    "country": {"from": "country.iso_code"},
    "country_name": {"from": "country.names.en"},
    "registered_country": {"from": "registered_country.iso_code"},
    "continent": {"from": "continent.code"},
    "city": {"from": "city.names.en"},
    "timezone": {"from": "location.time_zone"},
    "asn": {"from": "autonomous_system_number", "type": "number"},
    "organization": {"from": "autonomous_system_organization"},
}


class Column(Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """A column: its *name* in fields, where it is in the table, and its type."""

    name: str
    source: str
    type: str = "text"


class Table(Struct, frozen=True, kw_only=True):
    """A table as it is configured.

    :ivar key: the column with the keys; empty: the first one, or the names of a JSON object's members.
    :ivar separator: what stands between the members of a list in a CSV file.
    :ivar interval: seconds between two fetches of *url*.
    :ivar ca: certificates of authorities that *url* is checked with; empty: those of the system.
    :ivar token_file: a file with a token for *url*.
    """

    name: str
    columns: tuple[Column, ...]
    file: str = ""
    url: str = ""
    format: str = "csv"
    key: str = ""
    match: str = "exact"
    delimiter: str = ","
    separator: str = ";"
    interval: float = 300.0
    ca: str = ""
    token_file: str = ""

    @property
    def place(self) -> str:
        """Return where the table is, for messages: without what may be secret in a URL."""
        if not self.url:
            return self.file
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}"

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the files that are read for it."""
        return tuple(path for path in (self.file, self.ca, self.token_file) if path)


def parse(data: object) -> tuple[Table, ...]:
    """Return the tables in *data*, the value of the key ``tables``.

    :raises ConfigError: one of them cannot be.
    """
    if data is None:
        return ()
    if not isinstance(data, Mapping):
        raise ConfigError("tables has to be a mapping from names to tables")
    return tuple(_table(str(name), table) for name, table in data.items())


def _table(name: str, data: object) -> Table:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"tables: '{name}' is no name of a table: use letters, digits and _, a letter first")
    where = f"tables.{name}"
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where} has to be a mapping")
    known = [one for one in Table.__struct_fields__ if one != "name"]
    if unknown := next((key for key in data if key not in known), None):
        near = difflib.get_close_matches(str(unknown), known, n=1)
        raise ConfigError(f"{where}: unknown key {unknown}" + (f"; did you mean {near[0]}?" if near else ""))
    form = data.get("format") or _format(data)
    columns = data.get("columns") or (MAXMIND if form == "maxmind" else {})
    try:
        plain = {**data, "name": name, "format": form, "columns": list(_columns(where, columns))}
        table = msgspec.convert(_with_delimiter(plain), Table, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
    if problem := next(_problems(table), None):
        raise ConfigError(f"{where}: {problem}")
    return table


def _format(data: Mapping[str, Any]) -> str:
    """Return the format that the name of the file or URL tells; a table whose name tells none is a list of lines."""
    path = str(data.get("file") or urlsplit(str(data.get("url", ""))).path)
    return _ENDINGS.get(Path(path).suffix.lower(), "lines")


def _with_delimiter(plain: dict[str, Any]) -> dict[str, Any]:
    is_tabs = str(plain.get("file") or plain.get("url", "")).lower().endswith(".tsv")
    return {"delimiter": "\t", **plain} if is_tabs else plain


def _columns(where: str, data: object) -> Iterator[dict[str, Any]]:
    """Yield the columns in *data*: a list of names, or a mapping from names to types or to where they are."""
    if isinstance(data, (list, tuple)):
        data = {str(name): "text" for name in data}
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}.columns has to be a list of names, or a mapping from names to types")
    for name, told in data.items():
        column = {"type": told} if isinstance(told, str) else dict(told) if isinstance(told, Mapping) else None
        if column is None:
            raise ConfigError(f"{where}.columns.{name} has to be a type, or a mapping with 'from' and 'type'")
        yield {"name": str(name), "from": str(name), **column}


def _problems(table: Table) -> Iterator[str]:
    """Yield what is wrong with a table whose values have the right types."""
    if bool(table.file) is bool(table.url):
        yield "it needs either 'file', a path, or 'url'"
    yield from _of_place(table)
    for what, value, choices in (("format", table.format, FORMATS), ("match", table.match, MATCHES)):
        if value not in choices:
            yield f"{what} has to be one of {', '.join(choices)}, not '{value}'"
    if table.format in ("csv", "json") and not table.columns:
        yield "it needs 'columns', the names of those that rules may read"
    if table.format == "lines" and (table.columns or table.key):
        yield "a list of lines has no columns: give the format csv or json"
    if len(table.columns) > MOST_COLUMNS:
        yield f"it has more than {MOST_COLUMNS} columns"
    if len(table.delimiter) != 1 or not table.separator:
        yield "delimiter has to be one character, and separator at least one"
    for column in table.columns:
        yield from _of_column(column)


def _of_place(table: Table) -> Iterator[str]:
    if table.url:
        parts = urlsplit(table.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            yield "url has to begin with https:// or http://, and name a host"
        elif parts.username is not None:
            yield "url must not contain a password: put a token into a file, and name it with token_file"
        if table.token_file and parts.scheme != "https":
            yield "a token is sent over https only"
        if table.format == "maxmind":
            yield "a MaxMind database has to be a file: fetch it with geoipupdate, and name it with file"
    elif table.ca or table.token_file:
        yield "ca and token_file are for a table with a url"
    if any(not path.startswith("/") for path in table.reads):
        yield "paths have to be absolute"
    if not table.interval >= SHORTEST:
        yield f"interval has to be at least {SHORTEST:g} s"


def _of_column(column: Column) -> Iterator[str]:
    if not _NAME.fullmatch(column.name):
        yield (
            f"'{column.name}' is no name of a field: use letters, digits and _, a letter first, and say with 'from' "
            "what the column is called"
        )
    if column.name == KEY:
        yield f"the column '{KEY}' needs another name, and 'from: {KEY}': the key is a field of every table"
    if column.type not in TYPES:
        yield f"columns.{column.name}: the type has to be one of {', '.join(TYPES)}, not '{column.type}'"
