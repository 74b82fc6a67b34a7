"""Checks for ``falcohost doctor``: whether the tables can be read."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from falcohost_tables.config import parse
from falcohost_tables.tables import Loaded, Tables


def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield each table, and what is wrong with it."""
    tables = Tables(parse(settings["tables"]))
    tables.look()
    for loaded in tables.by_name.values():
        if loaded.table.url:
            _fetch(loaded)
        what = f"the table {loaded.table.name} can be read from {loaded.table.place}"
        rows = f" ({len(loaded):,} rows)" if loaded.is_known and loaded.table.format != "maxmind" else ""
        yield f"{what}{rows}", loaded.state.problem or None


def _fetch(loaded: Loaded) -> None:
    from falcohost_tables.fetching import Fetcher

    Fetcher(loaded.table, loaded).fetch()


def is_for_all(path: str) -> bool:
    """Return whether every user may read the file *path*; one that is not there may come, for its owner only."""
    try:
        above = all(folder.stat().st_mode & stat.S_IXOTH for folder in Path(path).parents)
        return above and bool(Path(path).stat().st_mode & stat.S_IROTH)
    except (OSError, ValueError):
        return False
