"""The process that writes captures for a worker: it has the right to, and keeps what is written within bounds.

The worker, which may be in an attacker's hands, names no path, and neither how much is written.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

from falcohost.by_name import called_by_name
from falcohost.host.capturing.folder import Folder, folder_of
from falcohost.host.capturing.messages import (
    CLOSE,
    MORE,
    MOST,
    MOST_REASON,
    NAMED,
    OPEN,
    SIZE,
    WHOLE,
    Answer,
    Begun,
    Ended,
    Refused,
    encode,
)
from falcohost.needs import WRITE
from falcohost.readable import readable

#: Bytes that are written at a time, unless so many seconds have passed before.
CHUNK: Final = 1 << 18
PAUSE: Final = 1.0
#: A good balance of time and size for data that comes all the time.
_LEVEL: Final = 3
#: Most bytes without the end of an event: the lists with which a file begins.
_MOST_UNFINISHED: Final = 1 << 26


@called_by_name("opens")
def prepare(settings: Mapping[str, Any]) -> Folder:
    """Return the folder of captures, open."""
    return Folder(settings["prefix"])


@called_by_name("serve", capabilities=frozenset({"CAP_DAC_OVERRIDE", "CAP_CHOWN"}), calls=frozenset({WRITE}))
def serve(link: socket.socket, settings: Mapping[str, Any], opened: Folder) -> None:
    """Write what comes over *link*, until the worker has ended.

    :raises ValueError: something comes that no worker says.
    """
    writing = Writing(opened, settings, lambda answer: _say(link, answer))
    due = 0.0
    while True:
        if readable([link], PAUSE):
            packet = link.recv(MOST + 1)
            if not packet:
                break
            writing.take(packet)
        if (now := time.monotonic()) >= due:
            due = now + PAUSE
            writing.put()
    writing.end()


def _say(link: socket.socket, answer: Answer) -> None:
    with contextlib.suppress(OSError):  # whoever does not listen does not learn it
        link.send(encode(answer), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


class Writing:
    """Writes files in a *folder*; *say* gets what comes of it.

    A file is a series of gzip members that end with a whole event, so it is whole after each.
    """

    def __init__(self, folder: Folder, limits: Mapping[str, int], say: Any) -> None:
        self._folder, self._limits, self._say = folder, limits, say
        self._file, self._path, self._size, self._before = -1, "", 0, 0
        self._whole: list[bytes] = []
        self._more: list[bytes] = []
        self._waiting = self._unfinished = 0

    def take(self, packet: bytes) -> None:
        """Do what a packet says.

        :raises ValueError: no worker says it.
        """
        kind, body = packet[:1], packet[1:]
        if kind in (WHOLE, MORE) and len(packet) <= MOST:
            self._add(body, whole=kind == WHOLE)
        elif kind == OPEN and len(body) == NAMED.size:
            self.end()
            self._open(*NAMED.unpack(body))
        elif kind == CLOSE and not body:
            self.end()
        else:
            raise ValueError(f"a packet of {len(packet)} bytes that no worker sends")

    def _open(self, ts: int, number: int) -> None:
        reason = self._folder.problem
        try:
            if reason is None:
                reason = self._refusal()
            if reason is None:
                self._file, self._path = self._folder.create(ts, number)
        except OSError as error:
            reason = f"no file can be made in {folder_of(self._limits['prefix'])}: {error.strerror}"  # type: ignore[arg-type]
        self._size = 0
        self._say(Begun(self._path) if reason is None else Refused(reason[:MOST_REASON]))

    def _refusal(self) -> str | None:
        files, self._before = self._folder.found()
        if files >= self._limits["files"]:
            return f"there are {files} captures; remove some, or raise falcohost.capture.max_files"
        return self._no_room(0)

    def _no_room(self, more: int) -> str | None:
        """Return why no *more* bytes are to be written."""
        if self._before + self._size + more >= self._limits["total"]:
            return (
                f"captures have {self._limits['total'] >> 20} MiB; remove some, or raise falcohost.capture.max_total_mb"
            )
        if self._folder.free() < self._limits["free"] + more:
            return f"less than falcohost.capture.min_free_mb ({self._limits['free'] >> 20} MiB) are free on the disk"
        return None

    def _add(self, data: bytes, *, whole: bool) -> None:
        if self._file < 0:
            return
        self._more.append(data)
        self._unfinished += len(data)
        if self._unfinished > _MOST_UNFINISHED:
            raise ValueError("an event without an end")
        if whole:
            self._whole += self._more
            self._waiting += self._unfinished
            self._more.clear()
            self._unfinished = 0
            if self._waiting >= CHUNK:
                self.put()

    def put(self) -> None:
        """Write what there is of whole events."""
        if self._file < 0 or not self._whole:
            return
        data = gzip.compress(b"".join(self._whole), _LEVEL)
        self._whole.clear()
        self._waiting = 0
        try:
            early = self._no_room(len(data))
            if early is None:
                _write(self._file, data)
                self._size += len(data)
                most = self._limits["file"]
                early = SIZE if 0 < most <= self._size else None
        except OSError as error:
            early = f"{self._path} cannot be written: {error.strerror}"
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
        if early is not None:
            self._finish(early)

    def end(self) -> None:
        """End the file, if there is one."""
        if self._file >= 0:
            self.put()
        if self._file >= 0:
            self._finish("")

    def _finish(self, early: str) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)
        self._file = -1
        self._whole.clear()
        self._more.clear()
        self._waiting = self._unfinished = 0
        self._say(Ended(self._path, self._size, early[:MOST_REASON]))


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
