"""One life of the program of the output ``program``: what is written to it, what it prints, and how it ends.

It is written to the program's pipe only when all that is in it was read, and whole lines at once. The last lines of a
delivery are written by themselves: a program that is killed with more in its hands is noticed by what it does not read.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import termios
from array import array
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from falcohost.clock import SYSTEM, Clock
from falcohost.engine.texts import printable
from falcohost.errors import OutputError, OutputLost
from falcohost.program.keeper import Ended, Keeper, NotStarted

#: Most bytes of what the program prints that one message shows, the last ones.
MOST_SHOWN: Final = 2048

#: Seconds that a program has to end by itself when there is nothing more to read.
PARTING: Final = 1.0

#: Most bytes of the last lines of a delivery.
_LAST: Final = 4096
_BLOCK: Final = 1 << 16

#: Shortest and longest wait, in seconds, between two looks how much a program has read: the kernel does not tell.
_SOON: Final = 0.001
_LATER: Final = 0.064

#: Seconds that the keeper has to kill a program.
PATIENCE: Final = 10.0

#: Status of a program that could not be started, as in a shell.
CANNOT_RUN: Final = 126

T = TypeVar("T")


class RunFailed(OutputError):
    """The program did not do what it should.

    :ivar status: its exit status; None: it did not end by itself.
    :ivar blames: it had read some of what was written since it was last well.
    """

    def __init__(self, text: str, status: int | None, *, blames: bool) -> None:
        super().__init__(text)
        self.status = status
        self.blames = blames


class Run:
    """A program that *keeper* has started.

    :param patience: seconds for which it may read nothing.
    :raises OutputError: it cannot be started.
    """

    def __init__(self, keeper: Keeper, patience: float, clock: Clock = SYSTEM) -> None:
        self._keeper = keeper
        self._patience = patience
        self._now = clock.monotonic
        self._said = b""
        self._status: int | None = None
        reading, self._pipe = os.pipe()
        try:
            self._room = fcntl.fcntl(self._pipe, fcntl.F_GETPIPE_SZ)  # which the kernel makes smaller for who has many
            os.set_blocking(self._pipe, False)
            self._printing = list(_asked(lambda: keeper.start(reading)))
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(reading)
        for descriptor in self._printing:
            os.set_blocking(descriptor, False)

    def write(self, data: bytes) -> None:
        """Write *data*; return when the program has read all of it, and has not ended.

        :raises RunFailed: it has ended, or does not read.
        """
        left = memoryview(data)
        while True:
            self._await_reading(len(data) - len(left))
            if not left:
                return
            try:
                left = left[os.write(self._pipe, left[: whole_lines(left, self._room)]) :]
            except BrokenPipeError:
                self._part("has closed its input", blames=len(left) < len(data))

    def finish(self) -> None:
        """Say that there is nothing more to read; return when the program has ended with status 0.

        :raises RunFailed: it has ended with another, or goes on for too long.
        """
        self._close_pipe()
        if not self._ends_within(self._patience):
            self._kill()
            raise self._failed(f"has not ended after {self._patience:g} s", blames=True)
        if self._status != 0:
            raise self._ended(blames=True)

    def over(self) -> str:
        """Return how the program has ended, in words; an empty text: it has not."""
        self._listen(self._now())
        return "" if self._status is None else str(self._ended(blames=False))

    def close(self, parting: float = PARTING) -> None:
        """End the program, which has so many seconds to end by itself, and all that it has started."""
        self._close_pipe()
        with contextlib.suppress(OutputError):
            if not self._ends_within(parting):
                self._kill()
        for descriptor in self._printing:
            os.close(descriptor)
        self._printing = []

    def printed(self) -> str:
        """Return the last part of what the program has printed since the last call, for the log."""
        self._read()
        said, self._said = self._said, b""
        return printable(" | ".join(said.decode("utf-8", "replace").split("\n")).strip(" |"))

    def _await_reading(self, written: int) -> None:
        """Wait until the program has read the *written* bytes.

        :raises RunFailed: it has ended, or reads nothing for too long.
        """
        until, pause, before = self._now() + self._patience, _SOON, written
        while True:
            unread = self._unread()
            events = self._listen(self._now() + (pause if unread else 0.0), pipe=True)
            blames = self._unread() < written
            if self._status is not None:
                raise self._ended(blames=blames)
            if events & select.POLLERR:
                self._part("has closed its input", blames=blames)
            if not unread:
                return
            if unread < before:
                until, pause, before = self._now() + self._patience, _SOON, unread
            elif self._now() >= until:
                self._kill()
                raise self._failed(f"has read nothing for {self._patience:g} s", blames=blames)
            else:
                pause = min(2 * pause, _LATER)

    def _unread(self) -> int:
        """Return how many bytes are in the pipe."""
        size = array("i", [0])
        fcntl.ioctl(self._pipe, termios.FIONREAD, size)
        return size[0]

    def _part(self, problem: str, *, blames: bool) -> NoReturn:
        """Wait for the end of a program that reads no more, and raise what has come of it."""
        if self._ends_within(PARTING):
            raise self._ended(blames=blames)
        self._kill()
        raise self._failed(problem, blames=blames)

    def _ends_within(self, seconds: float) -> bool:
        """Wait for the program's end for so many seconds; return whether it has ended."""
        until = self._now() + seconds
        while self._status is None and self._now() < until:
            self._listen(until)
        return self._status is not None

    def _kill(self) -> None:
        _asked(self._keeper.stop)
        if not self._ends_within(PATIENCE):
            raise OutputLost("the process that runs the program does not answer")

    def _listen(self, until: float, *, pipe: bool = False) -> int:
        """Wait for anything to happen until a time; with *pipe* also for the end of its reader, and return its events.

        :raises OutputLost: the keeper is gone.
        """
        poll = select.poll()
        for descriptor in (self._keeper.fileno(), *self._printing):
            poll.register(descriptor, select.POLLIN)
        if pipe:
            poll.register(self._pipe, 0)  # an error is always told
        found = dict(poll.poll(max(0.0, until - self._now()) * 1000))
        if any(descriptor in found for descriptor in self._printing):
            self._read()
        if self._keeper.fileno() in found:
            self._hear()
        return found.get(self._pipe, 0)

    def _hear(self) -> None:
        message = _asked(lambda: self._keeper.hear(0))
        if isinstance(message, NotStarted):
            self._status = CANNOT_RUN
            self._said = os.strerror(message.error).encode()
        elif isinstance(message, Ended):
            self._status = message.status

    def _read(self) -> None:
        """Keep the last part of what the program prints."""
        for descriptor in list(self._printing):
            try:
                said = os.read(descriptor, _BLOCK)
            except BlockingIOError:
                continue
            if not said:
                os.close(descriptor)
                self._printing.remove(descriptor)
            self._said = (self._said + said)[-MOST_SHOWN:]

    def _ended(self, *, blames: bool) -> RunFailed:
        return self._failed(f"has ended with status {self._status}", self._status, blames=blames)

    def _failed(self, what: str, status: int | None = None, *, blames: bool) -> RunFailed:
        said = self.printed()
        return RunFailed(f"the program {what}" + (f", and said: {said}" if said else ""), status, blames=blames)

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


def whole_lines(data: memoryview, room: int) -> int:
    """Return how much of *data* is to be written at once: lines that fit into *room*, or a part of one that is long.

    So whoever is killed leaves a program no beginning of a line, behind which the next lines would come. Of more than
    :data:`_LAST` bytes something is left.
    """
    most = min(room, len(data) - 1) if len(data) > _LAST else len(data)
    end = bytes(data[:most]).rfind(b"\n") + 1
    return end or min(len(data), room)


def _asked(ask: Callable[[], T]) -> T:
    """Return what the keeper answers.

    :raises OutputLost: it is gone.
    """
    try:
        return ask()
    except OSError as error:
        raise OutputLost(f"the program cannot be run: {error.strerror}") from error
