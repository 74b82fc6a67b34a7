"""What was read lately, by its ids, so that what comes twice is left out: small enough to be kept in a cursor."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from hashlib import blake2b

#: How many ids are remembered.
MOST = 5000


class Seen:
    """The last *most* ids; *marks* are what :attr:`marks` was in an earlier life."""

    def __init__(self, marks: Iterable[str] = (), most: int = MOST) -> None:
        self._most = most
        self._marks = dict.fromkeys(marks)

    def is_new(self, ident: str) -> bool:
        """Take note of *ident*; return whether it has not been there lately."""
        mark = urlsafe_b64encode(blake2b(ident.encode(), digest_size=9).digest()).decode()
        if mark in self._marks:
            return False
        self._marks[mark] = None
        if len(self._marks) > self._most:
            del self._marks[next(iter(self._marks))]
        return True

    @property
    def marks(self) -> list[str]:
        """Return a short text for each id, the oldest first."""
        return list(self._marks)
