"""Follows files and folders: reads existing content, then new lines and new files, without end.

Alerts from a file may be stored only after a cursor with the fingerprint of that content is stored. Otherwise, after a
crash, a copy of the content (copytruncate) could not be distinguished from new content.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from falcohost import retries
from falcohost.clock import SYSTEM, Clock
from falcohost.errors import SourceError
from falcohost.jsonlog.copies import longer_form, position_of
from falcohost.jsonlog.former import Former
from falcohost.jsonlog.identity import Look
from falcohost.jsonlog.inputs import Limits, Origin, Texts
from falcohost.jsonlog.listing import family, has_links
from falcohost.jsonlog.opening import open_log
from falcohost.jsonlog.position import Cursor, Pace, Position, read_cursor
from falcohost.jsonlog.refusals import Refusals
from falcohost.jsonlog.scan import FileScan, There
from falcohost.jsonlog.tail import Tail
from falcohost.log import log
from falcohost.needs import BENEATH, Needs

#: Seconds between two checks of the files.
_LOOK = 0.25

#: Seconds for which a deleted or renamed file is still read, since its writer may still write to it.
_GRACE = 10.0

_NOWHERE = Origin("", "")

#: Most different errors that are logged; whoever writes to the folder chooses the names in them.
_MOST_TOLD = 1000

#: Most files that are kept open.
_MOST_OPEN = 128


class FollowInput:
    """Follows *paths*: files and their rotated versions, and folders."""

    def __init__(
        self,
        paths: Sequence[Path],
        plugin: str,
        suffixes: tuple[str, ...],
        recursive: bool,
        limits: Limits,
        clock: Clock = SYSTEM,
    ) -> None:
        self._paths = paths
        self._plugin = plugin
        self._limits = limits
        self._clock = clock
        self._refusals = Refusals()
        self._scan = FileScan(paths, suffixes, recursive, self._tell, clock)
        self._tails: dict[str, Tail] = {}
        self._opened: dict[str, Tail] = {}
        self._former = Former(Cursor())
        self._gone: dict[str, float] = {}
        self._more = False
        self._missing_since = 0
        self._told: set[str] = set()
        self._pace = Pace(self._cursor, clock)

    @property
    def limits(self) -> Limits:
        """How large texts may be."""
        return self._limits

    @property
    def done(self) -> float | None:
        """None: there is no end."""
        return None

    @property
    def needs(self) -> Needs:
        """Return that it opens what appears in the folders, and anything where root's links may lead elsewhere."""
        if any(has_links(path) for path in self._paths):
            return Needs(frozenset({BENEATH}), None)
        places = {place for path in self._paths for place in (path, path.resolve(strict=False))}
        return Needs(frozenset({BENEATH}), tuple({*places, *(place.parent for place in places)}))

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Check the paths.

        :raises SourceError: one cannot be read, or its folder does not exist.
        """
        self._refusals = refusals
        former = read_cursor(cursor) or Cursor()
        self._former = Former(former)
        for path in self._paths:
            try:
                self._check(path)
                if not path.is_dir() and str(path) not in former.paths:
                    self._former.leave_alone(path)
            except OSError as error:
                raise SourceError(f"{self._plugin}: cannot read {error.filename or path}: {error.strerror}") from error

    def texts(self) -> Iterator[Texts]:
        """Yield new texts; an empty one if there is nothing new."""
        while True:
            self._more = False
            yield from self._look()
            self._former.settle()
            yield Texts(_NOWHERE, [], self._pace.cursor())
            if not self._more:
                self._clock.sleep(_LOOK)

    def ack(self, cursor: str) -> None:
        """Do nothing: files stay."""

    def close(self) -> None:
        """Close what is open."""
        retries.forget(self)
        for tail in self._tails.values():
            tail.close()

    def _check(self, path: Path) -> None:
        if path.is_dir():
            os.listdir(path)  # noqa: PTH208
        elif path.exists():
            if not path.is_file():
                raise SourceError(f"{self._plugin}: {path} is neither a file nor a folder")
            os.close(open_log(str(path)))
        elif not path.parent.is_dir():
            raise SourceError(f"{self._plugin}: cannot follow {path}: the folder {path.parent} does not exist")
        else:
            log.warning("%s: %s does not exist yet; it will be read once it does", self._plugin, path)

    def _cursor(self) -> Cursor:
        files = [*(tail.position for tail in self._tails.values()), *self._former.waiting]
        return Cursor(files, self._former.past, [str(path) for path in self._paths])

    def _mark(self) -> Texts:
        """Return an empty text with the current cursor, so that it is stored before alerts from new content."""
        return Texts(_NOWHERE, [], self._pace.cursor(now=True))

    def _tell(self, text: str) -> None:
        if text not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(text)
            log.error("%s: %s; trying again", self._plugin, text)

    # one look

    def _look(self) -> Iterator[Texts]:
        """Read new content: first of files that are gone, then of the others, least recently changed first."""
        there = self._scan.look(lambda file: file in self._tails and self._tails[file].is_open)
        self._note_missing()
        self._gone = {file: since for file, since in self._gone.items() if file not in there}
        for tail in [tail for file, tail in self._tails.items() if file not in there]:
            yield from self._read_gone(tail)
        if self._take_note(there):
            yield self._mark()
        for _, now in sorted(there.values(), key=lambda item: (item[1].changed, item[0])):
            if now.file in self._tails:
                yield from self._read(self._tails[now.file], now)

    def _note_missing(self) -> None:
        """Have it told that a folder is gone, so that nothing is read, and that it is there again."""
        if self._scan.missing is None:
            self._missing_since = self._scan.listings
            retries.forget(self)
        else:
            text = f"{self._plugin}: the folder {self._scan.missing} is gone"
            retries.note(self, text, self._scan.listings - self._missing_since)

    def _take_note(self, there: There) -> bool:
        """Find new files and files with new content; return whether there are any.

        Known files are checked first, because a new file may be a copy of one.
        """
        begun = False
        for path, now in there.values():
            if now.file not in self._tails and (position := self._former.take(now.file)) is not None:
                self._tails[now.file] = Tail(position, self._limits, self._refusals, self._clock)
            if now.file in self._tails:
                begun |= self._is_begun_again(self._tails[now.file], path, now)
        new = [(path, now) for path, now in there.values() if now.file not in self._tails and now.size]
        places = {tail.position.path: tail for file, tail in self._tails.items() if file in there} if new else {}
        for path, now in sorted(new, key=lambda item: len(item[0].name)):  # a copy has a longer name
            begun |= self._is_found(path, now, places)
        return begun

    def _is_begun_again(self, tail: Tail, path: Path, now: Look) -> bool:
        """Return whether the known file at *path* was truncated and is now read from its beginning."""
        tail.move(str(path))
        if not self._is_changed(tail, now):
            return False
        try:
            former = tail.begin_again() if tail.was_cut(now.size) else None
        except OSError as error:
            self._fails(path, error)
            return False
        if tail.is_open:
            self._hold(tail, now.file)
        if former is not None:
            self._former.add(former)
        return former is not None

    def _is_found(self, path: Path, now: Look, places: dict[str, Tail]) -> bool:
        """Return whether the new file at *path* is read from now on; otherwise it is checked again later.

        *places*: the files that are being read, by path.
        """
        try:
            position = position_of(
                path, now, lambda packed: self._models(path, packed, places), lambda: self._scan.is_settled(now)
            )
        except OSError as error:
            self._fails(path, error)
            return False
        if position is not None:
            tail = self._tails[now.file] = places[position.path] = Tail(
                position, self._limits, self._refusals, self._clock
            )
            tail.move(str(path))
        return position is not None

    def _models(self, path: Path, packed: bool, places: dict[str, Tail]) -> Iterator[Position]:
        """Yield the files that the file at *path* may be a copy of."""
        yield from self._former.models(path, packed=packed)
        if packed:
            yield from (tail.position for tail in self._tails.values())
            return
        related = family(str(path))
        lost = (tail.position for file, tail in self._tails.items() if tail.emptied or file in self._gone)
        yield from (position for position in lost if family(position.path) == related)
        yield from (places[place].position for place in longer_form(path) if place in places)

    # one file

    def _is_changed(self, tail: Tail, now: Look) -> bool:
        return now.size != tail.read_to or tail.changed not in (now.changed, -1)

    def _fails(self, path: Path | str, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):  # it was renamed
            self._scan.list_soon()
        else:
            self._tell(f"cannot read {path}: {error.strerror}")

    def _read(self, tail: Tail, now: Look) -> Iterator[Texts]:
        if tail.emptied or not self._is_changed(tail, now):
            return
        if tail.position.packed and not self._scan.is_settled(now):
            return
        try:
            tail.changed = now.changed
            yield from self._texts(tail, now.size)
            self._hold(tail, now.file)
        except OSError as error:
            self._fails(tail.position.path, error)
            return
        self._more = self._more or tail.read_to < now.size

    def _hold(self, tail: Tail, file: str) -> None:
        """Keep the file open; if too many are open, close the one that has been idle longest."""
        self._opened.pop(file, None)
        self._opened[file] = tail
        if len(self._opened) > _MOST_OPEN:
            self._opened.pop(next(iter(self._opened))).close()

    def _read_gone(self, tail: Tail) -> Iterator[Texts]:
        """Read on in a file whose name is gone, for a while; then remember its position, for its copies."""
        file = tail.position.file
        since = self._gone.setdefault(file, self._clock.monotonic())
        is_over = self._clock.monotonic() - since > _GRACE
        if tail.is_open:
            before = tail.read_to
            yield from self._texts(tail, before, last=is_over)
            if tail.read_to != before:
                self._gone[file] = self._clock.monotonic()
        if is_over or not tail.is_open:
            tail.close()
            self._former.add(tail.position)
            self._opened.pop(file, None)
            del self._tails[file], self._gone[file]
            self._pace.move()

    def _texts(self, tail: Tail, size: int, *, last: bool = False) -> Iterator[Texts]:
        for items in tail.read(size, last=last):
            self._pace.move()
            if items:
                yield Texts(tail.origin, items, self._pace.cursor(), tail.is_cut_off)
            else:
                yield self._mark()
