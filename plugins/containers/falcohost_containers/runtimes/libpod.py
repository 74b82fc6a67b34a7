"""Reads from podman's database what only it knows of a container, its labels and its health check.

podman keeps an SQLite file beside root's containers (https://github.com/containers/podman, ``libpod/sqlite_state.go``).
The files of users are not opened, since they may have been made to harm whoever reads them.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from falcohost_containers.runtimes.engine import MOST_BYTES

_QUERY: Final = "SELECT JSON FROM ContainerConfig WHERE ID = ? AND length(JSON) < ?"
_FILE: Final = "db.sql"


class Health(Struct, rename="pascal"):
    """A health check."""

    test: list[str] | None = None


class About(Struct):
    """What is used of podman's description of a container."""

    labels: dict[str, str] | None = None
    healthcheck: Health | None = None

    @property
    def test(self) -> list[str]:
        """The health check."""
        return (None if self.healthcheck is None else self.healthcheck.test) or []


def about(storage: Path, container: str) -> About | None:
    """Return what podman's database in *storage* says of a container; None: it has none, or does not know it.

    podman writes it before it starts the container. Nothing is waited for.

    :raises OSError: it cannot be read now, since podman writes.
    :raises ValueError: it says something else.
    """
    if not (storage / _FILE).is_file():
        return None
    try:
        import sqlite3  # only where podman is
    except ImportError:
        return None
    try:
        from urllib.parse import quote  # seldom needed, and so kept packed

        with closing(sqlite3.connect(f"file:{quote(str(storage / _FILE))}?mode=ro", timeout=0, uri=True)) as database:
            found = database.execute(_QUERY, (container, MOST_BYTES)).fetchone()
    except sqlite3.Error as error:
        raise OSError(f"{storage / _FILE}: {error}") from error
    return None if found is None else _decode(found[0])


_decode = msgspec.json.Decoder(About).decode
