"""Remembers the ids of recent records, to skip duplicates; small enough to be kept in a cursor."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b

#: Most ids that are remembered.
MOST = 5000


class Seen:
    """The last *most* ids; *marks*: the value of :attr:`marks` in an earlier run."""

    def __init__(self, marks: Iterable[str] = (), most: int = MOST) -> None:
        self._most = most
        self._marks = dict.fromkeys(marks)

    def is_new(self, ident: str) -> bool:
        """Remember *ident*; return whether it was not among the recent ids."""
        mark = urlsafe_b64encode(blake2b(ident.encode(), digest_size=9).digest()).decode()
        if mark in self._marks:
            return False
        self._marks[mark] = None
        if len(self._marks) > self._most:
            del self._marks[next(iter(self._marks))]
        return True

    @property
    def marks(self) -> list[str]:
        """Return a short hash of each id, oldest first."""
        return list(self._marks)
