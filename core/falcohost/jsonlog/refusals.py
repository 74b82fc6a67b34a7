"""Counts texts and records that could not be read, by cause. The first of each cause is logged with its place."""

from __future__ import annotations

import threading
from collections import Counter

from falcohost.engine.texts import printable
from falcohost.log import log

NOT_JSON = "not JSON"
NOT_AN_OBJECT = "not a JSON object"
TOO_DEEP = "nested too deep"
TOO_LARGE = "too large"
BAD_GZIP = "damaged gzip data"
GZIP_BOMB = "gzip data that grows too much"
DAMAGED_CAPTURE = "damaged capture"


class Refused(Exception):
    """A text or record is skipped. The message is the cause, by which it is counted.

    :ivar rest: texts with their offsets that were read before; the end of the last one is missing.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.rest: list[tuple[int, bytes]] = []


class Refusals:
    """Counts what a source skipped. Thread-safe.

    :ivar counts: numbers by cause.
    :ivar turned_away: numbers of connections and requests that a listener did not serve, by cause; no records are lost
        with them, since their senders know of it.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.turned_away: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, cause: str, place: object) -> None:
        """Count one; *place* is shown in the log, and may come from an attacker, such as the name of a file."""
        with self._lock:
            self.counts[cause] += 1
            first = self.counts[cause] == 1
        if first:
            log.warning("%s: %s; skipped (further ones are only counted)", printable(str(place)), cause)

    def turn_away(self, cause: str) -> None:
        """Count a connection or request that a listener did not serve."""
        with self._lock:
            self.turned_away[cause] += 1
