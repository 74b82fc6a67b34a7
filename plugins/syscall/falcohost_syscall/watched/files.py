"""Keeps the probe told of what files are behind the watched paths: a file is often replaced by another of its name.

A thread does so, as nobody knows how long a file system may take to say what a path leads to.
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
from falcohost_syscall.watched.folder_changes import FolderChanges

#: Seconds after which the paths are looked at though none of their folders has changed, and before which they are not.
INTERVAL, REST = 1.0, 0.02

_Stamp: TypeAlias = tuple[int, int, int]


class InodeWatcher(Protocol):
    """What is told of watched files (:class:`falcohost_syscall.drivers.modern_ebpf.probe.Probe`)."""

    def identify(self, fd: int) -> bytes:
        """Return what the file of a descriptor is known by."""

    def watch(self, file: bytes, names: bytes | None) -> None:
        """Let the file that is known by this have these names, or none."""


class WatchedFiles:
    """The watched paths, and what the probe was told of them."""

    def __init__(self, probe: InodeWatcher) -> None:
        self._probe = probe
        self._paths: tuple[Path, ...] = ()
        self._known: dict[Path, tuple[_Stamp, bytes]] = {}
        self._told: dict[bytes, bytes] = {}
        self._changes: FolderChanges | None = None
        self._thread: threading.Thread | None = None
        self._ended = False

    def watch(self, paths: Iterable[str]) -> None:
        """Watch these paths and no others."""
        self._paths = tuple(map(Path, sorted(paths)[:MAX_WATCHED]))
        if self._changes is None:
            self._look()
        else:
            self._changes.wake()

    def start(self) -> None:
        """Look again and again from now on, with the privileges that the calling thread has now."""
        if self._changes is None:
            self._changes = FolderChanges()
            self._thread = threading.Thread(target=self._run, args=(self._changes,), name="watched files", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Look no more; a look that does not come to its end is not waited for."""
        self._ended = True
        if self._changes is not None and self._thread is not None:
            self._changes.wake()
            self._thread.join(INTERVAL)

    def _run(self, changes: FolderChanges) -> None:
        while not self._ended:
            changes.watch({path.parent for path in self._paths})
            self._look()
            time.sleep(REST)
            changes.wait(INTERVAL)
        changes.close()

    def _look(self) -> None:
        """Tell the probe what has changed."""
        paths = self._paths
        self._known = {path: known for path in paths if (known := self._identity(path)) is not None}
        names: dict[bytes, list[Path]] = {}
        for path, (_, file) in self._known.items():
            names.setdefault(file, []).append(path)
        wanted = {file: packed(paths) for file, paths in names.items()}
        with contextlib.suppress(LibbpfError):  # what was not told is told at the next look
            for file in self._told.keys() - wanted.keys():
                self._probe.watch(file, None)
                del self._told[file]
            for file, value in wanted.items():
                if self._told.get(file) != value:
                    self._probe.watch(file, value)
                    self._told[file] = value

    def _identity(self, path: Path) -> tuple[_Stamp, bytes] | None:
        """Return what the file at *path* is known by; folders have no second name, and are not looked for."""
        try:
            status = path.stat()
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
    """Return ``struct watched_file`` of a file with these paths; it has room for the first few."""
    names, text = b"", b""
    for path in paths[:WATCHED_NAMES]:
        name = bytes(path)
        names += WATCHED_NAME.pack(len(text), len(name), len(os.fsencode(path.name)))
        text += name + b"\0"
    return WATCHED_FILE.pack(names, len(text), text)
