"""Reads files and folders to their end, oldest first, resuming where an earlier run stopped.

All files are opened when the source is opened, because afterwards the worker drops the privilege to read root's files.
"""

from __future__ import annotations

import os
import re
import resource
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from falcohost.clock import SYSTEM, Clock
from falcohost.errors import SourceError
from falcohost.jsonlog.blocks import is_packed, read_blocks
from falcohost.jsonlog.follow import FollowInput
from falcohost.jsonlog.identity import look
from falcohost.jsonlog.inputs import Input, Limits, Origin, Texts
from falcohost.jsonlog.lines import texts
from falcohost.jsonlog.listing import in_folder
from falcohost.jsonlog.opening import NotTrusted, open_log
from falcohost.jsonlog.position import Cursor, Pace, Position, is_continued, read_cursor, sampled, skipped
from falcohost.jsonlog.refusals import Refusals, Refused
from falcohost.needs import Needs
from falcohost.settings import OPEN_PARAMS

#: Descriptors that a worker needs in addition to those of its files.
_OTHERS = 64

UNREADABLE = "unreadable"

#: The setting that makes a source follow its files.
FOLLOW = "follow"

_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*)://")


def file_input(
    open_params: str | Sequence[str],
    *,
    plugin: str,
    suffixes: tuple[str, ...] = (),
    recursive: bool = False,
    follow: bool = False,
    limits: Limits | None = None,
    clock: Clock = SYSTEM,
) -> Input:
    """Return the input for ``open_params``: files, and folders with files whose names end in one of *suffixes*.

    Without *suffixes* all files are read, except those whose names begin with a dot.

    :param recursive: also read the files in subfolders.
    :param follow: do not end, but wait for new content; ``file://PATH`` means the same.
    :raises SourceError: ``open_params`` is not set, or has an unknown scheme.
    """
    given = [open_params] if isinstance(open_params, str) else list(open_params)
    given = [path.strip() for path in given if path.strip()]
    if not given:
        raise SourceError(f"{plugin}: open_params is not set; set it to the file or folder to read")
    for path in given:
        if (scheme := _SCHEME.match(path)) and scheme[1].lower() != "file":
            raise SourceError(
                f"{plugin}: open_params '{path}' cannot be opened: this version reads files and folders, "
                "named by their path without a scheme, or with file:// to follow them"
            )
    kind = FollowInput if is_followed(open_params, follow) else FileInput
    paths = [Path(_SCHEME.sub("", path)) for path in given]
    return kind(paths, plugin, suffixes, recursive, limits or Limits(), clock)


def is_followed(open_params: object, follow: object) -> bool:
    """Return whether these settings ask to follow files, by *follow* or by ``file://``."""
    given = open_params if isinstance(open_params, list) else [open_params]
    return follow is True or any(isinstance(path, str) and path.strip().lower().startswith("file://") for path in given)


def capabilities(settings: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the capabilities that a source of files keeps: one to read new files, if *settings* ask to follow them."""
    followed = is_followed(settings.get(OPEN_PARAMS), settings.get(FOLLOW))
    return frozenset({"CAP_DAC_READ_SEARCH"}) if followed else None


@dataclass(slots=True)
class _File:
    fd: int
    position: Position

    @property
    def origin(self) -> Origin:
        position = self.position
        return Origin(position.path, f"{position.ident}.{position.cuts}" if position.cuts else position.ident)


class FileInput:
    """Reads the files of *paths* to their end; see :func:`file_input`."""

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
        self._suffixes = suffixes
        self._recursive = recursive
        self._limits = limits
        self._open: deque[_File] = deque()
        self._former: dict[str, Position] = {}
        self._size = self._read = 0
        self._refusals = Refusals()
        self._pace = Pace(self._cursor, clock)

    @property
    def limits(self) -> Limits:
        """Limits on the size of texts."""
        return self._limits

    @property
    def done(self) -> float | None:
        """Share of the files that has been read."""
        return min(1.0, self._read / self._size) if self._size else None

    @property
    def needs(self) -> Needs:
        """Return that it needs nothing more: all files are open."""
        return Needs()

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Open all files.

        :raises SourceError: a file does not exist or cannot be read, or there are too many.
        """
        self._refusals = refusals
        former = read_cursor(cursor) or Cursor()
        self._former = {position.file: position for position in former.files}
        files = [file for path in self._paths for file in self._files(path)]
        self._make_room(len(files))
        for file in files:
            try:
                self._open.append(self._opened(file))
            except NotTrusted as error:
                if file in self._paths:
                    raise self._error(file, error) from error
                refusals.add(UNREADABLE, f"{file}: {error.strerror}")

    def texts(self) -> Iterator[Texts]:
        """Yield the texts of one file after the other."""
        while self._open:
            file = self._open[0]
            yield from self._texts(file)
            self._former[file.position.file] = self._sampled(file)
            self._open.popleft()
            os.close(file.fd)

    def ack(self, cursor: str) -> None:
        """Do nothing: files are not deleted."""

    def close(self) -> None:
        """Close all files."""
        while self._open:
            os.close(self._open.pop().fd)

    def _cursor(self) -> Cursor:
        if self._open:
            file = self._open[0]
            self._former[file.position.file] = self._sampled(file)
        return Cursor(list(self._former.values()))

    def _sampled(self, file: _File) -> Position:
        return file.position if file.position.packed else sampled(file.fd, file.position)

    def _texts(self, file: _File) -> Iterator[Texts]:
        def read(size: int) -> bytes:
            data = os.read(file.fd, size)
            self._read += len(data)
            return data

        def refuse(cause: str, offset: int) -> None:
            self._refusals.add(cause, f"{file.position.path}, byte {offset}")

        try:
            begin = self._begin(file)
            content = skipped(read_blocks(read), begin) if file.position.packed else read_blocks(read)
            for items in texts(content, self._limits.document, refuse, begin, plain=self._limits.plain):
                if items:
                    offset, text = items[-1]
                    file.position = replace(file.position, offset=offset + len(text))
                    self._pace.move()
                yield Texts(file.origin, items, self._pace.cursor(), more=True)
        except Refused as refused:
            self._refusals.add(str(refused), file.position.path)
            if refused.rest:
                yield Texts(file.origin, refused.rest, self._pace.cursor(), is_cut_off=True, more=True)
        except OSError as error:
            self._refusals.add(UNREADABLE, f"{file.position.path}: {error.strerror}")

    def _begin(self, file: _File) -> int:
        """Seek to where an earlier run stopped; return the offset in the content."""
        former = self._former.get(file.position.file)
        packed = is_packed(os.pread(file.fd, 4, 0))
        if former is not None and (packed or is_continued(file.fd, former)):
            file.position = former
        elif former is not None:
            file.position = replace(file.position, cuts=former.cuts + 1)
        file.position = replace(file.position, packed=packed)
        if not packed:
            os.lseek(file.fd, file.position.offset, os.SEEK_SET)
            self._read += file.position.offset
        return file.position.offset

    def _files(self, path: Path) -> list[Path]:
        try:
            if path.is_file():
                return [path]
            if path.exists() and not path.is_dir():
                raise SourceError(f"{self._plugin}: {path} is neither a file nor a folder")
            listed = in_folder(path, self._suffixes, recursive=self._recursive)
            found = [(file.stat().st_mtime_ns, file) for file in listed]
        except OSError as error:
            raise self._error(path, error) from error
        return [file for _, file in sorted(found)]

    def _make_room(self, count: int) -> None:
        """Raise this process's limit of open files to *count* plus what it needs otherwise."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = count + _OTHERS
        if wanted <= soft:
            return
        if hard != resource.RLIM_INFINITY and wanted > hard:
            raise SourceError(
                f"{self._plugin}: there are {count} files, but a process may only open {hard}: "
                "raise the limit (ulimit -n), or name a subfolder"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def _opened(self, path: Path) -> _File:
        try:
            fd = open_log(str(path))
            seen = look(fd)
        except NotTrusted:
            raise
        except OSError as error:
            raise self._error(path, error) from error
        if not seen.regular:
            os.close(fd)
            raise SourceError(f"{self._plugin}: {path} is neither a file nor a folder")
        self._size += seen.size
        return _File(fd, Position(str(path), seen.file, seen.file))

    def _error(self, path: Path, error: OSError) -> SourceError:
        return SourceError(f"{self._plugin}: cannot read {error.filename or path}: {error.strerror}")
