"""Where paths lead, looked up one name after the other as the kernel does, and who tells when that changes.

Each folder in which a name is looked up is marked before that. So a path leads to the same file, or to none, until a
mark tells of a change or mounts change, if the file systems on its way tell of all changes.

Where anybody may make files, as in ``/tmp``, a mark would tell of theirs all the time. If what such a folder has on the
way is a folder, it is asked at each look whether it is still the same instead.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from falcohost_syscall.watched.folder_changes import FolderChanges

_LIBC: Final = ctypes.CDLL(None)

#: As many as the kernel follows (MAXSYMLINKS).
_MOST_LINKS: Final = 40

#: File systems whose entries nobody changes but calls on this machine, of each of which the kernel tells (linux/magic.h
#: and statfs(2)): ext2 to ext4, XFS, Btrfs, tmpfs, F2FS. An overlay's lower folders may be changed beneath it.
_TELL: Final = frozenset({0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0xF2F52010})
_TYPE: Final = struct.Struct("=q")
#: ``struct statx``: a mask, a size, attributes. Names in an encrypted folder are others as soon as there is its key.
_ATTRIBUTES: Final = struct.Struct("=IIQ")
_ENCRYPTED: Final = 0x800
_AT_FDCWD: Final = -100
#: Room for what statfs(2) and statx(2) return.
_ROOM: Final = 256

#: What a name is that is no symbolic link, and one that does not exist.
_NO_LINK: Final = None
_ABSENT: Final = b""


class Way(NamedTuple):
    """The way of a path.

    :ivar names: the folders' numbers (:meth:`FolderChanges.mark`) and the names that are looked up in them.
    :ivar asked: paths of folders of which it is asked at each look whether they still have these numbers.
    :ivar told: each change of where it leads is told, or asked for.
    """

    names: tuple[tuple[int, bytes], ...]
    asked: tuple[tuple[bytes, int], ...]
    told: bool


class Ways:
    """The ways of paths, whose changes *changes* tells.

    :ivar untold: the paths of whose ways not all changes are told.
    """

    def __init__(self, changes: FolderChanges) -> None:
        self._changes = changes
        self._ways: dict[str, Way] = {}
        self._by_number: dict[int, set[str]] = {}
        self._asked: dict[bytes, int] = {}
        self.untold: AbstractSet[str] = frozenset()

    def follow(self, paths: Collection[str], changed: AbstractSet[int]) -> AbstractSet[str]:
        """Follow those of *paths* anew that lead through *changed* folders, or are new; return which these are."""
        changed = {*changed, *(number for one, number in self._asked.items() if self._changes.mark(one) != number)}
        stale = set[str]().union(*(self._by_number.get(number, ()) for number in changed))
        stale = {path for path in paths if path in stale or path not in self._ways}
        at_once = _AtOnce(self._changes)
        found = {path: at_once.way(os.fsencode(path)) for path in stale}
        if len(paths) < len(self._ways) or any(way != self._ways.get(path) for path, way in found.items()):
            self._ways |= found
            self._ways = {path: self._ways[path] for path in paths}
            self._note()
        return stale

    def forget(self, paths: Iterable[str]) -> None:
        """Have these followed anew the next time, whether something is told of them or not."""
        for path in paths:
            self._ways.pop(path, None)

    def forget_all(self) -> None:
        """Have all paths followed anew the next time."""
        self._ways.clear()

    def _note(self) -> None:
        names: dict[int, set[bytes]] = {}
        by_number: dict[int, set[str]] = {}
        for path, way in self._ways.items():
            for number, name in way.names:
                names.setdefault(number, set()).add(name)
                by_number.setdefault(number, set()).add(path)
        self._changes.names = names
        for number in self._by_number.keys() - by_number.keys():
            self._changes.unmark(number)
        self._by_number = by_number
        self.untold = {path for path, way in self._ways.items() if not way.told}
        self._asked = dict(one for way in self._ways.values() for one in way.asked)


class _AtOnce:
    """Follows several paths, and looks at what they have in common once."""

    def __init__(self, changes: FolderChanges) -> None:
        self._changes = changes
        self._marks: dict[bytes, tuple[int, bool]] = {}
        self._targets: dict[bytes, tuple[bytes | None, bool]] = {}
        self._modes: dict[bytes, int] = {}

    def way(self, path: bytes) -> Way:
        """Return the way of *path*."""
        names: list[tuple[int, bytes]] = []
        folders: list[tuple[bytes, int]] = []
        asked: list[tuple[bytes, int]] = []
        here, links, told, asks = b"/", 0, True, False
        rest = path.split(b"/")[::-1]
        while rest:
            name = rest.pop()
            if name in (b"", b"."):
                continue
            if name == b"..":
                here = here.rpartition(b"/")[0] or b"/"
                continue
            there = here + name if here == b"/" else here + b"/" + name
            if any(rest) and self._mode(here) & stat.S_IWOTH and stat.S_ISDIR(self._mode(there)):
                here, asks = there, True
                continue
            number, tells = self._mark(here)
            names.append((number, name))
            folders.append((here, number))
            if asks:
                asked.append((here, number))
                asks = False
            target, known = self._target(there)
            told = told and tells and known
            if target is _NO_LINK:
                here = there
                continue
            links += 1
            if target == _ABSENT or links > _MOST_LINKS:
                break
            rest += target.split(b"/")[::-1]
            here = b"/" if target.startswith(b"/") else here
        return Way(tuple(names), tuple(asked if told else folders), told)

    def _mode(self, path: bytes) -> int:
        """Return the mode of a file, or of a symbolic link; 0: there is none."""
        if (found := self._modes.get(path)) is None:
            try:
                found = os.lstat(path).st_mode
            except OSError:
                found = 0
            self._modes[path] = found
        return found

    def _mark(self, folder: bytes) -> tuple[int, bool]:
        """Mark a folder; return its number, and whether all of its changes are told from now on."""
        if (found := self._marks.get(folder)) is None:
            number = self._changes.mark(folder)
            found = self._marks[folder] = number, number >= 0 and _tells(folder)
        return found

    def _target(self, path: bytes) -> tuple[bytes | None, bool]:
        """Return where a symbolic link leads, and whether what is returned is known."""
        if (found := self._targets.get(path)) is None:
            try:
                found = os.readlink(path), True  # noqa: PTH115 # there may be hundreds
            except OSError as error:
                absent = error.errno in (errno.ENOENT, errno.ENOTDIR)
                known = absent or error.errno == errno.EINVAL
                found = _ABSENT if absent or not known else _NO_LINK, known
            self._targets[path] = found
        return found


def _tells(folder: bytes) -> bool:
    """Return whether all changes of entries of *folder* are told."""
    found = ctypes.create_string_buffer(_ROOM)
    if _LIBC.statfs(folder, found) != 0 or _TYPE.unpack_from(found.raw)[0] not in _TELL:
        return False
    if not hasattr(_LIBC, "statx") or _LIBC.statx(_AT_FDCWD, folder, 0, 0, found) != 0:
        return False
    return not _ATTRIBUTES.unpack_from(found.raw)[2] & _ENCRYPTED
