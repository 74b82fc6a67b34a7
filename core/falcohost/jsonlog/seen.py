"""Which files there are to follow, looked at again and again: those that are open often, all others by their folders.

Files are looked at, not subscribed to: that sees a network file system and a bind mount alike.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from falcohost.clock import Clock
from falcohost.jsonlog.identity import Look, look
from falcohost.jsonlog.listing import in_folder, rotated

#: Where each file is, and as what it was last seen.
There: TypeAlias = dict[str, tuple[Path, Look]]

#: Seconds between two looks at the folders; of one that takes long to list, so many times as long.
_LIST = 1.0
_SHARE = 20

#: Seconds for which a packed file, or a copy, is unchanged before it is read.
_SETTLED = 2.0


class Seen:
    """Looks at *paths*: files, with what rotation makes of them, and folders. *tell* is called with what fails."""

    def __init__(
        self,
        paths: Sequence[Path],
        suffixes: tuple[str, ...],
        recursive: bool,
        tell: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._paths = paths
        self._suffixes = suffixes
        self._recursive = recursive
        self._tell = tell
        self._clock = clock
        self._there: There = {}
        self._changing: dict[str, tuple[Look, float]] = {}
        self._list_at = 0.0

    def look(self, is_open: Callable[[str], bool]) -> There:
        """Return what is there; the folders are listed if it is time, or if a file that *is_open* is not as before."""
        there = self._known(is_open) if self._clock.monotonic() < self._list_at else None
        self._there = self._listed() if there is None else there
        return self._there

    def list_soon(self) -> None:
        """List the folders at the next look: a file is not where it was."""
        self._list_at = 0.0

    def is_settled(self, now: Look) -> bool:
        """Return whether a file has been as it is *now* for a while."""
        before, since = self._changing.get(now.file, (None, 0.0))
        if before != now:
            since = self._clock.monotonic()
            self._changing[now.file] = (now, since)
        # When it was changed is said by the file system, whose clock is the machine's, or a server's.
        return self._clock.monotonic() - since >= _SETTLED or time.time_ns() - now.changed > _SETTLED * 1e9

    def _known(self, is_open: Callable[[str], bool]) -> There | None:
        """Look at the files that are open; None if one is not as it was but for its growth."""
        there = {}
        for file, (path, before) in self._there.items():
            if not is_open(file):
                there[file] = (path, before)
                continue
            try:
                now = look(str(path))
            except OSError:
                return None
            if now.file != file or now.size < before.size:
                return None
            there[file] = (path, now)
        return there

    def _listed(self) -> There:
        begun = self._clock.monotonic()
        there: There = {}
        for path in self._paths:
            try:
                for file in self._files(path):
                    with contextlib.suppress(FileNotFoundError):
                        now = look(str(file))
                        if now.regular:
                            there.setdefault(now.file, (file, now))
            except OSError as error:
                self._tell(f"cannot read {error.filename or path}: {error.strerror}")
                there = self._there | there  # what cannot be looked at is not gone
        self._changing = {file: since for file, since in self._changing.items() if file in there}
        self._list_at = begun + max(_LIST, _SHARE * (self._clock.monotonic() - begun))
        return there

    def _files(self, path: Path) -> Iterator[Path]:
        if path.is_dir():
            yield from in_folder(path, self._suffixes, recursive=self._recursive)
        else:
            yield path
            yield from rotated(path)
