"""Fetches tables from servers: as often as configured, only if they have changed, bounded in size and time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from falcohost import SourceError
from falcohost.poll import BackOff, HttpClient, HttpError, HttpLimits, PollError, read_secret
from falcohost_tables.config import Table
from falcohost_tables.reading import MOST_BYTES, Unreadable, read_table
from falcohost_tables.tables import Loaded

#: The name by which the client says what is missing, and how to install it.
NAME: Final = "tables"

#: Times in seconds: to connect, between two parts of an answer, and for all of it.
LIMITS: Final = HttpLimits(body=MOST_BYTES, connect_time=10.0, pause=30.0, body_time=120.0)

#: Seconds until a fetch that has failed is tried again, at least and at most.
AGAIN: Final = BackOff(first=2.0, longest=300.0)

_NOT_MODIFIED: Final = 304


class Fetcher:
    """Fetches one table."""

    def __init__(self, table: Table, loaded: Loaded, limits: HttpLimits = LIMITS) -> None:
        self._table = table
        self._loaded = loaded
        self._client = HttpClient(NAME, ca=Path(table.ca) if table.ca else None, limits=limits, json=False)
        self._is_open = False
        self._tag: dict[str, str] = {}
        self._failures = 0

    def run(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """Fetch the table for ever."""
        while True:
            sleep(self.fetch())

    def fetch(self) -> float:
        """Fetch the table; return the seconds until the next time."""
        self._loaded.since = time.monotonic()
        try:
            self._fetch()
        except (PollError, SourceError, Unreadable) as error:
            self._loaded.keep(str(error))
            self._failures += 1
            wait = min(AGAIN.longest, AGAIN.first * 2.0 ** min(self._failures - 1, 30))
            asked = error.retry_after if isinstance(error, PollError) else None
            return max(asked or 0.0, min(wait, self._table.interval)) * random.uniform(1.0, 1.2)
        finally:
            self._loaded.since = None
        self._failures = 0
        return self._table.interval * random.uniform(0.9, 1.0)

    def _fetch(self) -> None:
        if not self._is_open:
            self._client.open()
            self._is_open = True
        try:
            answer = self._client.get(self._table.url, {**self._authorization(), **self._tag})
        except HttpError as error:
            if error.answer.status != _NOT_MODIFIED:
                raise
            self._loaded.well()
            return
        self._loaded.since = None
        rows = read_table(self._table, answer.body)
        found = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
        self._tag = {sent: answer.headers[name] for sent, name in found.items() if name in answer.headers}
        self._loaded.take(rows)

    def _authorization(self) -> dict[str, str]:
        if not self._table.token_file:
            return {}
        token = read_secret(NAME, "the token", given="", file=self._table.token_file, variable="")
        return {"Authorization": f"Bearer {token}"}
