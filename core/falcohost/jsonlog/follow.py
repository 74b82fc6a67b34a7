"""Files and folders as an input that never ends: what is there, what is added to it, and what comes.

Files are looked at four times a second, not subscribed to: that sees a network file system and a bind mount alike.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from falcohost.errors import SourceError
from falcohost.jsonlog.copies import longer_form, position_of
from falcohost.jsonlog.identity import Look, look
from falcohost.jsonlog.inputs import Limits, Origin, Texts
from falcohost.jsonlog.listing import family, in_folder, rotated
from falcohost.jsonlog.position import Cursor, Pace, Position, read_cursor, sampled
from falcohost.jsonlog.refusals import Refusals
from falcohost.jsonlog.tail import Tail

log = logging.getLogger("falcohost")

#: Seconds between two looks at the files, and at the folders; a folder that takes long to list, so many times as long.
_LOOK = 0.25
_LIST = 1.0
_SHARE = 20

#: Seconds for which a packed file, or a copy, is unchanged before it is read.
_SETTLED = 2.0

#: Seconds for which a file whose name is gone is still read, since its writer may not know yet.
_GRACE = 10.0

_NOWHERE = Origin("", "")

#: How many files are held open at most, and how many that are gone are remembered.
_MOST_OPEN = 128
_MOST_PAST = 1000


class FollowInput:
    """Follows *paths*: files, with what rotation makes of them, and folders."""

    def __init__(
        self, paths: Sequence[Path], plugin: str, suffixes: tuple[str, ...], recursive: bool, limits: Limits
    ) -> None:
        self._paths = paths
        self._plugin = plugin
        self._suffixes = suffixes
        self._recursive = recursive
        self._limits = limits
        self._refusals = Refusals()
        self._tails: dict[str, Tail] = {}
        self._opened: dict[str, Tail] = {}
        self._at_path: dict[str, str] = {}
        self._resume: dict[str, Position] = {}
        self._past: list[Position] = []
        self._gone: dict[str, float] = {}
        self._changing: dict[str, tuple[Look, float]] = {}
        self._seen: dict[str, tuple[Path, Look]] = {}
        self._list_at = 0.0
        self._more = False
        self._told: set[str] = set()
        self._pace = Pace(self._cursor)

    @property
    def limits(self) -> Limits:
        """How large texts may be."""
        return self._limits

    @property
    def done(self) -> float | None:
        """There is no end."""
        return None

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Look at what is there.

        :raises SourceError: it cannot be read, or can never be there.
        """
        self._refusals = refusals
        former = read_cursor(cursor) or Cursor()
        self._resume = {position.file: position for position in former.files}
        self._past = former.past
        for path in self._paths:
            try:
                if path.is_dir():
                    os.listdir(path)  # noqa: PTH208
                elif path.exists():
                    if not path.is_file():
                        raise SourceError(f"{self._plugin}: {path} is neither a file nor a folder")
                    os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
                elif not path.parent.is_dir():
                    raise SourceError(f"{self._plugin}: cannot follow {path}: there is no folder {path.parent}")
                else:
                    log.warning("%s: %s is not there yet; it is read as soon as it is", self._plugin, path)
                if not path.is_dir() and str(path) not in former.paths:
                    self._leave_alone(path)
            except OSError as error:
                raise SourceError(f"{self._plugin}: cannot read {error.filename or path}: {error.strerror}") from error

    def texts(self) -> Iterator[Texts]:
        """Yield what comes; without items where nothing does."""
        while True:
            self._more = False
            yield from self._look()
            self._forget_what_is_gone()
            yield Texts(_NOWHERE, [], self._pace.cursor())
            if not self._more:
                time.sleep(_LOOK)

    def ack(self, cursor: str) -> None:
        """Do nothing: files stay."""

    def close(self) -> None:
        """Close what is open."""
        for tail in self._tails.values():
            tail.close()

    def _cursor(self) -> Cursor:
        files = [*(tail.position for tail in self._tails.values()), *self._resume.values()]
        return Cursor(files, self._past, [str(path) for path in self._paths])

    def _leave_alone(self, path: Path) -> None:
        """Take what *path* was rotated to before it was followed for read."""
        for other in rotated(path):
            seen = look(str(other))
            if seen.file in self._resume or not seen.regular:
                continue
            position = Position(str(other), seen.file, seen.file, seen.size, seen.size, packed=other.suffix == ".gz")
            if not position.packed:
                fd = os.open(other, os.O_RDONLY | os.O_CLOEXEC)
                position = sampled(fd, position)
                os.close(fd)
            self._resume[seen.file] = position

    # one look

    def _look(self) -> Iterator[Texts]:
        """Read what is new in the files; those whose names are gone first, then those that changed longest ago."""
        seen = self._known()
        if seen is None or time.monotonic() >= self._list_at:
            seen = self._listed()
        for tail in [tail for file, tail in self._tails.items() if file not in seen]:
            yield from self._read_gone(tail)
        there = sorted(seen.values(), key=lambda item: (item[1].changed, item[0]))
        new = [self._found(path, now) for path, now in there if now.file not in self._tails]
        if any(new):
            yield self._mark()
        for path, now in there:
            if now.file in self._tails:
                self._tails[now.file].move(str(path))
                self._at_path[str(path)] = now.file
                yield from self._read(self._tails[now.file], now)

    def _mark(self) -> Texts:
        """Return what has the cursor stored before anything of a new content is.

        Else a copy of it could not be told, after a crash, from what was never read.
        """
        return Texts(_NOWHERE, [], self._pace.cursor(now=True))

    def _known(self) -> dict[str, tuple[Path, Look]] | None:
        """Look at the files that are open; None if one is not as it was but for its growth."""
        seen = {}
        for file, (path, before) in self._seen.items():
            tail = self._tails.get(file)
            if tail is None or not tail.is_open:
                seen[file] = (path, before)
                continue
            try:
                now = look(str(path))
            except OSError:
                return None
            if now.file != file or now.size < before.size:
                return None
            seen[file] = (path, now)
        self._seen = seen
        return seen

    def _listed(self) -> dict[str, tuple[Path, Look]]:
        begun = time.monotonic()
        seen: dict[str, tuple[Path, Look]] = {}
        for path in self._paths:
            try:
                for file in self._files(path):
                    with contextlib.suppress(FileNotFoundError):
                        now = look(str(file))
                        if now.regular:
                            seen.setdefault(now.file, (file, now))
            except OSError as error:
                self._tell(f"cannot read {error.filename or path}: {error.strerror}")
                seen = self._seen | seen  # what cannot be looked at is not gone
        self._seen = seen
        self._at_path = {path: file for path, file in self._at_path.items() if file in self._tails}
        self._changing = {file: since for file, since in self._changing.items() if file in seen}
        self._gone = {file: since for file, since in self._gone.items() if file not in seen}
        self._list_at = begun + max(_LIST, _SHARE * (time.monotonic() - begun))
        return seen

    def _files(self, path: Path) -> Iterator[Path]:
        if path.is_dir():
            yield from in_folder(path, self._suffixes, recursive=self._recursive)
        else:
            yield path
            yield from rotated(path)

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.error("%s: %s; it is tried again", self._plugin, text)

    # one file

    def _found(self, path: Path, now: Look) -> bool:
        """Return whether the file at *path*, which is new, is read from now on; else it is later."""
        position = self._resume.pop(now.file, None) or self._returned(now.file)
        if position is None and now.size:
            try:
                position = position_of(
                    path, now, lambda packed: self._models(path, packed), lambda: self._is_settled(now)
                )
            except FileNotFoundError:
                self._list_at = 0.0
            except OSError as error:
                self._tell(f"cannot read {path}: {error.strerror}")
        if position is None:
            return False
        self._tails[now.file] = Tail(position, self._limits, self._refusals)
        self._at_path[position.path] = now.file
        return True

    def _returned(self, file: str) -> Position | None:
        """Return how far a file was read that had gone."""
        found = next((position for position in reversed(self._past) if position.file == file), None)
        if found is not None:
            self._past.remove(found)
        return found

    def _models(self, path: Path, packed: bool) -> Iterator[Position]:
        """Yield what the file at *path* may be a copy of."""
        related = family(str(path))
        lost = [tail.position for file, tail in self._tails.items() if tail.emptied or file in self._gone]
        gone = [*self._past, *self._resume.values(), *lost]
        yield from (position for position in gone if packed or family(position.path) == related)
        if packed:
            yield from (tail.position for tail in self._tails.values())
        else:
            files = (self._at_path.get(place, "") for place in longer_form(path))
            yield from (self._tails[file].position for file in files if file in self._tails)

    def _is_settled(self, now: Look) -> bool:
        before, since = self._changing.get(now.file, (None, 0.0))
        if before != now:
            since = time.monotonic()
            self._changing[now.file] = (now, since)
        settled = time.monotonic() - since >= _SETTLED or time.time_ns() - now.changed > _SETTLED * 1e9
        if settled:
            del self._changing[now.file]
        return settled

    def _read(self, tail: Tail, now: Look) -> Iterator[Texts]:
        if now.size == tail.read_to and tail.changed in (now.changed, -1):
            return
        if tail.position.packed and not self._is_settled(now):
            return
        try:
            if tail.was_cut(now.size):
                if not now.size:
                    tail.emptied = True
                    return  # until there is something by which the new content is known
                self._past.append(tail.begin_again())
                yield self._mark()
            tail.changed = now.changed
            self._hold(tail, now.file)
            yield from self._texts(tail, now.size)
        except FileNotFoundError:  # it has another name now
            self._list_at = 0.0
            return
        except OSError as error:
            self._tell(f"cannot read {tail.position.path}: {error.strerror}")
            return
        self._more = self._more or tail.read_to < now.size

    def _hold(self, tail: Tail, file: str) -> None:
        """Keep the file open, and close the one of those that are that has been quiet for longest."""
        self._opened.pop(file, None)
        self._opened[file] = tail
        if len(self._opened) > _MOST_OPEN:
            self._opened.pop(next(iter(self._opened))).close()

    def _read_gone(self, tail: Tail) -> Iterator[Texts]:
        """Read a file whose name is gone, for a while; then remember how far it was read, for its copies."""
        file = tail.position.file
        since = self._gone.setdefault(file, time.monotonic())
        is_over = time.monotonic() - since > _GRACE
        if tail.is_open:
            before = tail.read_to
            yield from self._texts(tail, before, last=is_over)
            if tail.read_to != before:
                self._gone[file] = time.monotonic()
        if is_over or not tail.is_open:
            tail.close()
            self._past.append(tail.position)
            self._opened.pop(file, None)
            del self._tails[file], self._gone[file]
            self._pace.move()

    def _texts(self, tail: Tail, size: int, *, last: bool = False) -> Iterator[Texts]:
        for items in tail.read(size, last=last):
            self._pace.move()
            yield Texts(tail.origin, items, self._pace.cursor())

    def _forget_what_is_gone(self) -> None:
        """Keep of what is gone no more than may be needed."""
        if self._resume:
            self._past += self._resume.values()
            self._resume = {}
        del self._past[:-_MOST_PAST]
