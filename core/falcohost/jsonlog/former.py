"""Remembers files that were read: where to resume, and fingerprints to recognise copies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from falcohost.jsonlog.identity import look
from falcohost.jsonlog.listing import family, rotated
from falcohost.jsonlog.opening import NotTrusted, open_log
from falcohost.jsonlog.position import Cursor, Position, sampled

#: Most remembered contents of files that are gone.
_MOST = 1000


class Former:
    """Starts from *cursor*: files that may still exist, and contents of files that are gone."""

    def __init__(self, cursor: Cursor) -> None:
        self._waiting = {position.file: position for position in cursor.files}
        self._past = list(cursor.past)

    @property
    def waiting(self) -> list[Position]:
        """Return the files that were read before and have not been found again yet."""
        return list(self._waiting.values())

    @property
    def past(self) -> list[Position]:
        """Return the contents of files that are gone."""
        return self._past

    def add(self, position: Position) -> None:
        """Remember the content of a file that is gone."""
        self._past.append(position)

    def take(self, file: str) -> Position | None:
        """Return the position in *file*, which was found again."""
        if (waiting := self._waiting.pop(file, None)) is not None:
            return waiting
        found = next((position for position in reversed(self._past) if position.file == file), None)
        if found is not None:
            self._past.remove(found)
        return found

    def models(self, path: Path, *, packed: bool) -> Iterator[Position]:
        """Yield the remembered files that the new file at *path* may be a copy of."""
        related = family(str(path))
        for position in (*self._past, *self._waiting.values()):
            if packed or family(position.path) == related:
                yield position

    def leave_alone(self, path: Path) -> None:
        """Treat existing rotated versions of *path* as read already.

        :raises OSError: one cannot be examined.
        """
        for other in rotated(path):
            try:
                self._leave_alone(other)
            except NotTrusted:  # reported when it is found as a new file
                continue
            except OSError:
                if not other.is_symlink():  # whoever may write to the folder could make one that leads nowhere
                    raise

    def _leave_alone(self, path: Path) -> None:
        seen = look(str(path))
        if seen.file in self._waiting or not seen.regular:
            return
        position = Position(str(path), seen.file, seen.file, seen.size, seen.size, packed=path.suffix == ".gz")
        if not position.packed:
            fd = open_log(str(path))
            position = sampled(fd, position)
            os.close(fd)
        self._waiting[seen.file] = position

    def settle(self) -> None:
        """Treat files that have not been found again as gone; forget the oldest beyond the limit."""
        self._past += self._waiting.values()
        self._waiting = {}
        del self._past[:-_MOST]
