"""The plugin ``tables``: fields whose values are in tables of the user's, in any event source."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from falcohost import Arg, ConfigError, ConfigKey, Field, FieldType, hookimpl
from falcohost.helpers import HelperSpec
from falcohost.lookups import Lookup, LookupSpec
from falcohost.needs import CONNECT, THREADS
from falcohost_tables.config import KEY, Table, parse

#: Version of the plugin API that this plugin uses.
falcohost_api = 1

NAME = "tables"

#: What fetching, and reading MaxMind's databases, imports.
_FETCHING = ("falcohost_tables.fetching", "ssl", "urllib.request", "urllib3")
_MAXMIND = ("falcohost_tables.maxmind", "maxminddb")

_TYPES = {"text": FieldType.CHARBUF, "number": FieldType.INT64, "bool": FieldType.BOOL, "list": FieldType.CHARBUF}


def _problem(data: object) -> str | None:
    try:
        parse(data)
    except ConfigError as error:
        return str(error)
    return None


@hookimpl
def falcohost_config_keys() -> Iterable[ConfigKey]:
    """Return the key with all tables."""
    about = "lookup tables by name: see [docs/lookups.md](lookups.md)"
    return (ConfigKey(key=NAME, type=object, shown_default="none", help=about, check=_problem),)


def _make(settings: Mapping[str, Any]) -> Lookup:
    from falcohost_tables.lookup import make

    return make(settings)


def _check(settings: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    from falcohost_tables.check import check

    return check(settings)


def _at(place: int) -> Any:
    def get(row: Any, _: Arg) -> Any:
        return row[place]

    return get


def _fields(table: Table) -> Iterator[Field]:
    """Yield the fields of *table*: its key, and its columns."""
    about = f"Key in the table {table.name} that fits the field in brackets; absent if none does."
    yield Field(name=f"{table.name}.{KEY}", type=FieldType.CHARBUF, description=about, get=_at(0))
    for place, column in enumerate(table.columns, 1):
        yield Field(
            name=f"{table.name}.{column.name}",
            type=_TYPES[column.type],
            description=f"Column {column.source} in the table {table.name}, by the field in brackets.",
            get=_at(place),
            is_list=column.type == "list",
        )


def _modules(tables: tuple[Table, ...]) -> Iterator[str]:
    """Yield the modules that the tables need; what is missing, the table's problem says."""
    wanted = [*_FETCHING] if any(table.url for table in tables) else []
    if any(table.format == "maxmind" for table in tables):
        wanted += _MAXMIND
    yield from (name for name in wanted if importlib.util.find_spec(name) is not None)


def _helper(tables: tuple[Table, ...]) -> HelperSpec:
    """Return the process that reads the tables: what it may do depends on where these are."""
    from falcohost.poll import HttpClient
    from falcohost_tables.check import is_for_all
    from falcohost_tables.tables import folders

    urls = [table.url for table in tables if table.url]
    paths = [path for table in tables for path in table.reads]
    return HelperSpec(
        name=NAME,
        serve="falcohost_tables.helper:serve",
        modules=tuple(_modules(tables)),
        capabilities=frozenset() if all(map(is_for_all, paths)) else frozenset({"CAP_DAC_READ_SEARCH"}),
        calls=frozenset({THREADS, CONNECT} if urls else {THREADS}),
        files=folders(tables),
        connects=tuple(address for url in urls for address in HttpClient.connects(url)),
        stream=True,
        settings={"tables": msgspec.to_builtins(tables)},
    )


@hookimpl
def falcohost_lookups(settings: Mapping[str, Any]) -> Iterable[LookupSpec]:
    """Return the lookup, where there are tables, with the process that reads them."""
    tables = parse(settings.get(NAME))
    if not tables:
        return []
    about = "Finds values in the tables of the configuration."
    fields = [field for table in tables for field in _fields(table)]
    helper = _helper(tables)
    return [
        LookupSpec(
            name=NAME,
            description=about,
            key={},
            make=_make,
            fields=fields,
            by_argument=True,
            helper=helper,
            check=_check,
        )
    ]
