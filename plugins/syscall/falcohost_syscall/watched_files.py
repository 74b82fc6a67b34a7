"""Keeps the probe told of what files are behind the watched paths: a file is often replaced by another of its name.

A thread does so, as nobody knows how long a file system may take to say what a path leads to.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeAlias

from falcohost_syscall.drivers.libbpf import LibbpfError
from falcohost_syscall.records import MAX_WATCHED, WATCHED_FILE, WATCHED_NAME, WATCHED_NAMES

#: Seconds between two looks at the folders of the files, which change when a file is replaced; and at the files.
FOLDERS, FILES = 0.05, 1.0
#: How long the end of a look is waited for at the end.
PATIENCE = 1.0

_Stamp: TypeAlias = tuple[int, int, int]


class Probe(Protocol):
    """What is told of watched files (:class:`falcohost_syscall.drivers.modern_ebpf.ModernEbpf`)."""

    def identify(self, fd: int) -> bytes:
        """Return what the file of a descriptor is known by."""

    def watch(self, file: bytes, names: bytes | None) -> None:
        """Let the file that is known by this have these names, or none."""


class WatchedFiles:
    """The watched paths, and what the probe was told of them."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._paths: tuple[str, ...] = ()
        self._known: dict[str, tuple[_Stamp, bytes]] = {}
        self._told: dict[bytes, bytes] = {}
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._ended = False

    def watch(self, paths: Iterable[str]) -> None:
        """Watch these paths and no others."""
        self._paths = tuple(sorted(paths))[:MAX_WATCHED]
        if self._thread is None:
            self._look()
        self._wake.set()

    def start(self) -> None:
        """Look again and again from now on, with the privileges that the calling thread has now."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="watched files", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._ended = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        left, folders = 0.0, self._folders()
        while not self._ended:
            now = self._folders()
            if left <= 0 or now != folders or self._wake.is_set():
                left, folders = FILES, now
                self._wake.clear()
                self._look()
            self._wake.wait(FOLDERS if self._paths else None)
            left -= FOLDERS

    def _folders(self) -> list[int | None]:
        """Return when the folders of the paths were changed last."""
        found = [_status(folder) for folder in sorted({str(Path(path).parent) for path in self._paths})]
        return [None if status is None else status.st_mtime_ns for status in found]

    def _look(self) -> None:
        """Tell the probe what has changed."""
        paths = self._paths
        self._known = {path: known for path in paths if (known := self._identity(path)) is not None}
        names: dict[bytes, list[str]] = {}
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

    def _identity(self, path: str) -> tuple[_Stamp, bytes] | None:
        """Return what the file at *path* is known by; folders have no second name, and are not looked for."""
        status = _status(path)
        if status is None or stat.S_ISDIR(status.st_mode):
            return None
        stamp = (status.st_dev, status.st_ino, status.st_ctime_ns)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return stamp, self._probe.identify(fd)
        except LibbpfError:
            return None
        finally:
            os.close(fd)


def packed(paths: Iterable[str]) -> bytes:
    """Return ``struct watched_file`` of a file with these paths; it has room for the first few."""
    names, text = b"", b""
    for path in list(paths)[:WATCHED_NAMES]:
        name = path.encode()
        names += WATCHED_NAME.pack(len(text), len(name), len(name.rpartition(b"/")[2]))
        text += name + b"\0"
    return WATCHED_FILE.pack(names, len(text), text)


def _status(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except OSError:
        return None
