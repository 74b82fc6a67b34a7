"""Keeps the probe informed of the inodes behind the watched paths, since files are often replaced under the same name.

A thread does this: a file system may take any time to resolve a path.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from falcohost_syscall.kernel.libbpf import LibbpfError
from falcohost_syscall.records.record import MAX_WATCHED, WATCHED_FILE, WATCHED_NAME, WATCHED_NAMES
from falcohost_syscall.watched.folder_changes import FolderChanges, names_of

#: The paths are examined at least every INTERVAL seconds, and at most every REST seconds.
INTERVAL, REST = 1.0, 0.02

_Stamp: TypeAlias = tuple[int, int, int]


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
        self._paths: tuple[Path, ...] = ()
        self._known: dict[Path, tuple[_Stamp, bytes]] = {}
        self._told: dict[bytes, bytes] = {}
        self._is_told = False
        self._changes: FolderChanges | None = None
        self._thread: threading.Thread | None = None
        self._ended = False

    def watch(self, paths: Iterable[str]) -> None:
        """Watch these paths instead of the previous ones."""
        self._paths = tuple(map(Path, sorted(paths)[:MAX_WATCHED]))
        if self._changes is None:
            self._look()
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
        paths: tuple[Path, ...] = ()
        known: dict[Path, tuple[_Stamp, bytes]] | None = None
        names: dict[Path, frozenset[bytes]] = {}
        while not self._ended:
            if paths is not self._paths or known != self._known:  # links may lead elsewhere
                paths, known = self._paths, self._known
                names = names_of(paths)
            changes.watch(names)
            self._look()
            looked = time.monotonic()
            if known == self._known:
                changes.wait(INTERVAL)
            if (early := looked + REST - time.monotonic()) > 0:
                time.sleep(early)
        changes.close()

    def _look(self) -> None:
        """Tell the probe what has changed."""
        paths = self._paths
        known = {path: one for path in paths if (one := self._identity(path)) is not None}
        if known == self._known and self._is_told:
            return
        self._known, self._is_told = known, False
        names: dict[bytes, list[Path]] = {}
        for path, (_, file) in self._known.items():
            names.setdefault(file, []).append(path)
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

    def _identity(self, path: Path) -> tuple[_Stamp, bytes] | None:
        """Return the identity of the file at *path*, or None; directories cannot have hard links and are left out."""
        try:
            status = os.stat(path)  # noqa: PTH116 # there may be hundreds, each second
            if stat.S_ISDIR(status.st_mode):
                return None
            stamp = (status.st_dev, status.st_ino, status.st_ctime_ns)
            known = self._known.get(path)
            return known if known is not None and known[0] == stamp else (stamp, self._identify(path))
        except (OSError, LibbpfError):
            return None

    def _identify(self, path: Path) -> bytes:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            return self._probe.identify(fd)
        finally:
            os.close(fd)


def packed(paths: Sequence[Path]) -> bytes:
    """Return the ``struct watched_file`` of a file with these paths, of which it holds the first few."""
    names, text = b"", b""
    for path in paths[:WATCHED_NAMES]:
        name = bytes(path)
        names += WATCHED_NAME.pack(len(text), len(name), len(os.fsencode(path.name)))
        text += name + b"\0"
    return WATCHED_FILE.pack(names, len(text), text)
