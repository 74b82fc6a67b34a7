"""Keeps the probe informed of the inodes behind the watched paths, since files are often replaced under the same name.

A thread does this: a file system may take any time to resolve a path. Where the kernel tells of all that changes on the
way of a path (:mod:`.ways`), a file that was not there needs no look until then, and of several paths to one file one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.records.record import MAX_WATCHED, WATCHED_FILE, WATCHED_NAME, WATCHED_NAMES
from falcohost_syscall.watched.folder_changes import FolderChanges
from falcohost_syscall.watched.mount_changes import MountChanges
from falcohost_syscall.watched.ways import Ways

#: The paths are examined at least every INTERVAL seconds, and at most every REST seconds.
INTERVAL, REST = 1.0, 0.02

#: In so many looks each path is looked at once, also those of which nothing was told.
ROUND: Final = 15

#: Device, number and time of the last change of an inode: its generation, which is part of a file's identity, can be
#: changed by an ioctl, of which nothing is told.
_Stamp: TypeAlias = tuple[int, int, int]
#: The stamp, and the identity that the probe knows.
_Found: TypeAlias = tuple[_Stamp, bytes]
#: Why there is no file at a path, if only another entry in a folder on its way can change that.
_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR)


class InodeWatcher(Protocol):
    """Learns about watched files (implemented by :class:`falcohost_syscall.drivers.modern_ebpf.probe.Probe`)."""

    def identify(self, fd: int) -> bytes:
        """Return the identity of a descriptor's file."""

    def watch(self, file: bytes, names: bytes | None) -> None:
        """Set the names of the file with this identity; None: it is no longer watched."""


class WatchedFiles:
    """The watched paths, and what the probe knows of them."""

    def __init__(self, probe: InodeWatcher) -> None:
        self._probe = probe
        self._paths: tuple[str, ...] = ()
        self._known: dict[str, _Found] = {}
        self._one_of_each: tuple[str, ...] = ()
        self._unsure: set[str] = set()
        self._told: dict[bytes, bytes] = {}
        self._is_told = False
        self._looks = 0
        self._changes: FolderChanges | None = None
        self._thread: threading.Thread | None = None
        self._ended = False

    def watch(self, paths: Iterable[str]) -> None:
        """Watch these paths instead of the previous ones."""
        self._paths = tuple(str(Path(path)) for path in sorted(paths)[:MAX_WATCHED])
        if self._changes is None:
            self._look(self._paths)
        else:
            self._changes.wake()

    def start(self) -> None:
        """Examine the paths repeatedly from now on, in a thread with the caller's present privileges."""
        if self._changes is None:
            self._changes = FolderChanges(REST)
            self._thread = threading.Thread(target=self._run, args=(self._changes,), name="watched files", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop the thread; a file system that does not answer is not waited for."""
        self._ended = True
        if self._changes is not None and self._thread is not None:
            self._changes.wake()
            self._thread.join(INTERVAL)

    def _run(self, changes: FolderChanges) -> None:
        ways, mounts = Ways(changes), MountChanges()
        paths: tuple[str, ...] | None = None
        while not self._ended:
            changed = changes.changed()
            anew = mounts.changed() or paths is not self._paths  # asked before paths are followed
            paths = self._paths
            if anew or changed is None:
                ways.forget_all()
            # If so much has changed that it is not known what, more may at once: ways are followed when that is over.
            followed = frozenset[str]() if changed is None else ways.follow(paths, changed)
            others = self._look(paths, None if anew or changed is None else self._due(paths, ways, followed))
            looked = time.monotonic()
            if others:
                ways.forget(others)  # links may lead elsewhere where nobody tells
            else:
                changes.wait(INTERVAL)
            if (early := looked + REST - time.monotonic()) > 0:
                time.sleep(early)
        mounts.close()
        changes.close()

    def _due(self, paths: Sequence[str], ways: Ways, followed: AbstractSet[str]) -> AbstractSet[str]:
        """Return the paths of which somebody has told something, or not everything is told; and one of each file."""
        self._looks += 1
        return {*followed, *ways.untold, *self._unsure, *self._one_of_each, *paths[self._looks % ROUND :: ROUND]}

    def _look(self, paths: Sequence[str], due: Collection[str] | None = None) -> AbstractSet[str]:
        """Look at those of *paths* that are *due* (None: at all), and tell the probe what has changed.

        Return the paths that lead to other files than before.
        """
        before = self._known
        if due is None:
            self._unsure.clear()
        new = {
            path: one
            for path in (paths if due is None else due)
            if (one := self._identity(path, known := before.get(path))) is not known
        }
        others = {path for path, one in new.items() if _file(one) != _file(before.get(path))}
        if others and due is not None:
            return self._look(paths)  # the file of one path is that of others
        if due is None:
            others |= before.keys() - set(paths)
        if new or others:
            now = before | new
            self._known = {path: one for path in paths if (one := now.get(path)) is not None}
        if others or not self._is_told:
            self._one_of_each = tuple({file: path for path, (_, file) in self._known.items()}.values())
            self._tell()
        return others

    def _tell(self) -> None:
        self._is_told = False
        names: dict[bytes, list[str]] = {}
        for path in sorted(self._known):
            names.setdefault(self._known[path][1], []).append(path)
        wanted = {file: packed(paths) for file, paths in names.items()}
        with contextlib.suppress(LibbpfError):  # it is tried again at the next look
            for file in self._told.keys() - wanted.keys():
                self._probe.watch(file, None)
                del self._told[file]
            for file, value in wanted.items():
                if self._told.get(file) != value:
                    self._probe.watch(file, value)
                    self._told[file] = value
            self._is_told = True

    def _identity(self, path: str, known: _Found | None) -> _Found | None:
        """Return the identity of the file at *path*, *known* if that is still so, or None if there is none.

        Directories cannot have hard links and are left out.
        """
        try:
            status = os.stat(path)  # noqa: PTH116 # there may be hundreds, each second
            stamp = (status.st_dev, status.st_ino, status.st_ctime_ns)
            if known is not None and known[0] == stamp:
                return known
            self._unsure.discard(path)
            return None if stat.S_ISDIR(status.st_mode) else (stamp, self._identify(path))
        except (OSError, LibbpfError) as error:
            if isinstance(error, OSError) and error.errno in _ABSENT:
                self._unsure.discard(path)
            else:
                self._unsure.add(path)
            return None

    def _identify(self, path: str) -> bytes:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            return self._probe.identify(fd)
        finally:
            os.close(fd)


def _file(found: _Found | None) -> bytes | None:
    return None if found is None else found[1]


def packed(paths: Sequence[str]) -> bytes:
    """Return the ``struct watched_file`` of a file with these paths, of which it holds the first few."""
    names, text = b"", b""
    for path in paths[:WATCHED_NAMES]:
        name = os.fsencode(path)
        names += WATCHED_NAME.pack(len(text), len(name), len(name.rpartition(b"/")[2]))
        text += name + b"\0"
    return WATCHED_FILE.pack(names, len(text), text)
