"""The process that pauses runtimes when they are executed, until what is on disk of their containers has been read.

It reads no file and asks no runtime: it asks the process that does (:mod:`falcohost_containers.helper`) to read what is
new, and waits for that for a bounded time. Whatever becomes of it, runtimes go on: the kernel kills it if it hangs or
was stopped, and allows all that waits once it is dead.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from falcohost.by_name import called_by_name
from falcohost.needs import PAUSE
from falcohost.port import PortClosed, SocketPort
from falcohost.readable import readable
from falcohost_containers.config import Config
from falcohost_containers.death import Death
from falcohost_containers.fanotify import Queue
from falcohost_containers.rows import Paused, Question

#: Seconds between two looks whether the programs are other files now.
LOOK: Final = 1.0

#: Seconds by which this process may be late before the kernel ends it.
_GRACE: Final = 1.5

_NUMBER: Final = struct.Struct("=Q")


class Opened(NamedTuple):
    """What takes rights that the process does not keep."""

    queue: Queue
    end: Death


@called_by_name("opens")
def opens(settings: Mapping[str, Any]) -> Opened | str:
    """Return the queue, and the timer that ends this process; or why there is none."""
    del settings
    try:
        return Opened(Queue(), Death())
    except (OSError, AttributeError) as error:
        return f"starts of containers are not paused: fanotify_init: {getattr(error, 'strerror', None) or error}"


@called_by_name("serve", calls=frozenset({PAUSE}))
def serve(
    link: socket.socket, settings: Mapping[str, Any], opened: Opened | str, other: socket.socket | None = None
) -> None:
    """Pause until the source ends, or the process that reads."""
    config = msgspec.convert(settings, Config)
    port: SocketPort[Paused, Question] = SocketPort(link, Question)
    with contextlib.suppress(PortClosed, ConnectionError):
        if isinstance(opened, str) or other is None:
            _only_tell(port, Paused(problem=opened if isinstance(opened, str) else ""))
        else:
            Pausing(*opened, other, port, [Path(one) for one in config.paused], config.pause).run()


def _only_tell(port: SocketPort[Paused, Question], told: Paused) -> None:
    while True:
        readable([port])
        for _ in port.answers():
            port.ask(told)


class Pausing:
    """Pauses executions of *programs* for *most* seconds at most; *other* is the socket to who reads.

    Executions that come while files are read wait for the next reading, all together.
    """

    def __init__(
        self,
        queue: Queue,
        end: Death,
        other: socket.socket,
        port: SocketPort[Paused, Question],
        programs: Iterable[Path],
        most: float,
    ) -> None:
        self._queue = queue
        self._end = end
        self._other = other
        self._port = port
        self._files: dict[Path, tuple[int, int]] = {}
        self._programs = [*programs]
        self._most = most
        self._paused: dict[int, float] = {}
        self._next: dict[int, float] = {}
        self._number = self._answered = 0
        self._numbers = Paused()
        self._look_due = 0.0
        other.setblocking(False)

    def run(self) -> None:
        """Run until one of the other processes has ended.

        :raises PortClosed: the source has.
        :raises ConnectionError: who reads has.
        """
        while True:
            if time.monotonic() >= self._look_due:
                self._look()
            self._end.after(self._patience() + _GRACE)
            source = self._port.fileno()
            ready = readable([self._queue, self._other, source], self._patience())
            if self._other.fileno() in ready:
                self._hear()
            if self._queue.fileno() in ready:
                self._take()
            self._give_up()
            if source in ready:
                for _ in self._port.answers():
                    self._port.ask(self._numbers)

    def _look(self) -> None:
        """Mark the programs that have become other files, as when a package is upgraded."""
        self._look_due = time.monotonic() + LOOK
        problems = []
        for path in self._programs:
            try:
                status = path.stat()
                found = status.st_dev, status.st_ino
                if self._files.get(path) != found:
                    self._queue.mark(path)
                    self._files[path] = found
            except FileNotFoundError:
                self._files.pop(path, None)
            except OSError as error:
                problems.append(f"starts of containers by {path} are not paused: {error.strerror or error}")
        self._numbers = msgspec.structs.replace(self._numbers, problem="; ".join(problems), files=len(self._files))

    def _patience(self) -> float:
        first = min([*self._paused.values(), *self._next.values()], default=self._look_due - self._most)
        return max(min(self._look_due, first + self._most) - time.monotonic(), 0.0)

    def _take(self) -> None:
        now = time.monotonic()
        self._next |= dict.fromkeys(self._queue.waiting(), now)
        if self._is_late:  # who reads has not answered in time before: nothing waits until it does
            self._allow(self._next, given_up=True)
        elif not self._paused:
            self._ask()

    @property
    def _is_late(self) -> bool:
        return self._answered != self._number and not self._paused

    def _ask(self) -> None:
        self._paused, self._next = self._next, {}
        if self._paused:
            self._number += 1
            self._other.send(_NUMBER.pack(self._number))

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := self._other.recv(_NUMBER.size):
                (self._answered,) = _NUMBER.unpack(data)
                if self._answered == self._number:
                    self._allow(self._paused)
                    self._ask()
            raise ConnectionResetError

    def _give_up(self) -> None:
        until = time.monotonic() - self._most
        for waiting in (self._paused, self._next):
            self._allow({number: since for number, since in waiting.items() if since <= until}, given_up=True)

    def _allow(self, waiting: Mapping[int, float], *, given_up: bool = False) -> None:
        for number, since in [*waiting.items()]:
            self._queue.allow(number)
            self._paused.pop(number, None)
            self._next.pop(number, None)
            microseconds = int(1e6 * (time.monotonic() - since))
            told = self._numbers
            self._numbers = msgspec.structs.replace(
                told,
                count=told.count + 1,
                given_up=told.given_up + given_up,
                microseconds=told.microseconds + microseconds,
                longest=max(told.longest, microseconds),
            )
