"""Scans for the files to follow, again and again: open files often, all others when their folders are listed.

It polls instead of subscribing to changes, which also works on network file systems and bind mounts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from falcohost.clock import Clock
from falcohost.jsonlog.identity import Look, look
from falcohost.jsonlog.listing import in_folder, rotated

#: By file: its path, and its state when last looked at.
There: TypeAlias = dict[str, tuple[Path, Look]]

#: Minimum seconds between two listings of the folders, and the minimum as a multiple of the time that a listing takes.
_LIST = 1.0
_SHARE = 20

#: Seconds for which a compressed file, or a copy, has to be unchanged before it is read.
_SETTLED = 2.0


class FileScan:
    """Looks at *paths*: files, with their rotated parts, and folders. *tell* is called with each error.

    :ivar missing: a folder that was there and is gone; None: all are there.
    :ivar listings: number of listings.
    """

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
        self._folders: set[Path] = set()
        self.missing: Path | None = None
        self.listings = 0

    def look(self, is_open: Callable[[str], bool]) -> There:
        """Return the current files; list the folders if it is time, or if a file that *is_open* has moved or shrunk."""
        there = self._known(is_open) if self._clock.monotonic() < self._list_at else None
        self._there = self._listed() if there is None else there
        return self._there

    def list_soon(self) -> None:
        """List the folders at the next look, because a file has moved."""
        self._list_at = 0.0

    def is_settled(self, now: Look) -> bool:
        """Return whether a file has not changed from *now* for a while."""
        before, since = self._changing.get(now.file, (None, 0.0))
        if before != now:
            since = self._clock.monotonic()
            self._changing[now.file] = (now, since)
        # The file system tells when it was changed, by the clock of the machine or of a file server.
        return self._clock.monotonic() - since >= _SETTLED or time.time_ns() - now.changed > _SETTLED * 1e9

    def _known(self, is_open: Callable[[str], bool]) -> There | None:
        """Look at the open files; return None if one has changed in another way than by growing."""
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
                    if (now := self._looked(file)) is not None and now.regular:
                        there.setdefault(now.file, (file, now))
            except OSError as error:
                self._tell(f"cannot read {error.filename or path}: {error.strerror}")
                there = self._there | there  # a file that cannot be examined is not gone
        self._changing = {file: since for file, since in self._changing.items() if file in there}
        self.missing = next(self._missing(), None)
        self.listings += 1
        self._list_at = begun + max(_LIST, _SHARE * (self._clock.monotonic() - begun))
        return there

    def _missing(self) -> Iterator[Path]:
        """Yield the folders that were there and are gone: those to look at, and those of the files to look at."""
        self._folders |= {path for path in self._paths if path.is_dir()}
        for folder in (path if path in self._folders else path.parent for path in self._paths):
            if not folder.is_dir():
                yield folder

    def _looked(self, path: Path) -> Look | None:
        """Return the state of the file at *path*; if it cannot be examined, its last one; None: it is gone."""
        try:
            return look(str(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._tell(f"cannot read {path}: {error.strerror}")
            return next((before for known, before in self._there.values() if known == path), None)

    def _files(self, path: Path) -> Iterator[Path]:
        if path.is_dir():
            yield from in_folder(path, self._suffixes, recursive=self._recursive)
        else:
            yield path
            yield from rotated(path)
