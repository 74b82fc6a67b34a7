"""What is known of contents that were read: where to go on in a file, and by what a copy of it is recognised."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from falcohost.jsonlog.identity import look
from falcohost.jsonlog.listing import family, rotated
from falcohost.jsonlog.position import Cursor, Position, sampled

#: How many contents that are gone are remembered.
_MOST = 1000


class Former:
    """Begins with what *cursor* says: files that may be there still, and contents that are gone."""

    def __init__(self, cursor: Cursor) -> None:
        self._waiting = {position.file: position for position in cursor.files}
        self._past = list(cursor.past)

    @property
    def waiting(self) -> list[Position]:
        """Return the files that were read and have not been seen again so far."""
        return list(self._waiting.values())

    @property
    def past(self) -> list[Position]:
        """Return the contents that are gone."""
        return self._past

    def add(self, position: Position) -> None:
        """Take note of a content that is gone."""
        self._past.append(position)

    def take(self, file: str) -> Position | None:
        """Return how far *file* was read, which is there again."""
        if (waiting := self._waiting.pop(file, None)) is not None:
            return waiting
        found = next((position for position in reversed(self._past) if position.file == file), None)
        if found is not None:
            self._past.remove(found)
        return found

    def models(self, path: Path, *, packed: bool) -> Iterator[Position]:
        """Yield what the new file at *path* may be a copy of."""
        related = family(str(path))
        for position in (*self._past, *self._waiting.values()):
            if packed or family(position.path) == related:
                yield position

    def leave_alone(self, path: Path) -> None:
        """Take what *path* was rotated to, before it was followed, for read.

        :raises OSError: it cannot be looked at.
        """
        for other in rotated(path):
            seen = look(str(other))
            if seen.file in self._waiting or not seen.regular:
                continue
            position = Position(str(other), seen.file, seen.file, seen.size, seen.size, packed=other.suffix == ".gz")
            if not position.packed:
                fd = os.open(other, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                position = sampled(fd, position)
                os.close(fd)
            self._waiting[seen.file] = position

    def settle(self) -> None:
        """Take what has not been seen again for gone; keep of what is gone no more than may be needed."""
        self._past += self._waiting.values()
        self._waiting = {}
        del self._past[:-_MOST]
