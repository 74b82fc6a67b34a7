"""Reads configuration, rules and plugins in a process of its own, so that no secret and no parser is in this one.

At start-up the reader's log lines are logged here. For a reload it is silent: what is wrong is an alert. If more than
rules has changed, the agent's command is executed with ``--dry-run``, since a restart would also start from scratch;
a fork from before the reader is confined does that, since trying what a start needs takes more than reading.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable, Set
from typing import IO, Final, NoReturn, TypeAlias

from falcohost import log
from falcohost.errors import FalcohostError
from falcohost.host import wire
from falcohost.host.assignment import read_assignment
from falcohost.host.confine.reading import confine_reader
from falcohost.host.descriptors import receive_with
from falcohost.host.environment import command, restore
from falcohost.host.forked import HANDLED, fork_held, let_go_of_descriptors, reaped
from falcohost.host.missing_files import MissingFiles
from falcohost.host.reader_link import (
    ACTIONS,
    ASSIGNMENT,
    BASELINE,
    HEALTH,
    OUTPUTS,
    RESPONSES,
    WORKER,
    Early,
    Failed,
    Handed,
    Log,
    Missing,
    Teller,
    Told,
)
from falcohost.host.sealed import unsealed
from falcohost.host.shortage import no_process, shortage
from falcohost.host.supervision.keeping import let_go_of_passed
from falcohost.libc import die_with_parent, name_process
from falcohost.readable import readable

#: The process's name, as ps(1) shows it.
NAME: Final = "falcohost-read"

SECOND: Final = 1.0

#: Loads, and hands over what it has loaded; returns False if more than rules has changed.
Load: TypeAlias = Callable[[Teller], bool]
#: Called with what is said of the loader of a source before the rules are read, and the memfd with what it gets.
Begin: TypeAlias = Callable[[Early, int], object]
#: Called with the name of a source and the memfd with what its worker gets, as soon as that is there.
Tell: TypeAlias = Callable[[str, int], object]


def begin_nothing(early: Early, data: int) -> None:
    """Have nothing prepared before the rules are read."""


def tell_nobody(source: str, data: int) -> None:
    """Tell nobody what a worker gets."""


class LoadingError(FalcohostError):
    """Loading has failed.

    :ivar missing: files whose appearance may mend it.
    """

    def __init__(self, text: str, status: int = 1, missing: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.exit_status = status  # type: ignore[misc]
        self.missing = missing


class Bug(Exception):
    """Loading has raised an exception that is none of falcohost's own; its text is the exception's type and text."""


class Reader:
    """Runs *load* in a fork.

    :param keep: for a silent reader, the memfds that it reads; it has no other descriptors.
    :raises OSError: there can be no process.
    """

    def __init__(self, load: Load, *, silent: bool = False, keep: Set[int] = frozenset()) -> None:
        self._received: wire.Received[Told] = wire.Received(Told)
        self._attached: deque[int] = deque()
        self._memfds: dict[tuple[str, str], int] = {}
        self._begin: Begin = begin_nothing
        self._tell: Tell = tell_nobody
        self._failed: Failed | None = None
        self._missing: tuple[str, ...] = ()
        self._stderr = os.fdopen(unsealed(NAME), "w+b") if silent else None  # there may be no writable folder
        self.link, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        parent = os.getpid()
        sys.stderr.flush()
        try:
            self._pid, self.finished = fork_held(lambda: _run(load, there, parent, self._stderr, keep))
        except OSError:
            self.link.close()
            raise
        finally:
            there.close()

    def read(self) -> bool:
        """Take what has arrived; return False at the end.

        :raises ValueError: it is not valid.
        """
        try:
            return self._receive()
        except BlockingIOError:
            return True

    def kill(self) -> None:
        """Kill it."""
        os.kill(self._pid, signal.SIGKILL)

    def cancel(self) -> None:
        """Kill it, and forget what it has said."""
        self.kill()
        self._reap()
        self._close()

    def wait(
        self,
        meanwhile: Callable[[], object] = lambda: None,
        begin: Begin = begin_nothing,
        tell: Tell = tell_nobody,
        steps: Iterable[Callable[[], object]] = (),
    ) -> Handed:
        """Wait for the end; return what was handed over. Call *meanwhile* once a second.

        :param begin: called when the loader of a source can begin, though the rules are not read yet.
        :param tell: called when it is known what the worker of a source gets.
        :param steps: called once, one after the other, until the end; what arrives is taken between them.
        :raises LoadingError: loading has failed.
        :raises Bug: it has raised an unexpected exception.
        """
        self._begin, self._tell = begin, tell
        try:
            left = iter(steps)
            step = next(left, None)
            while not readable([self.link], 0 if step else SECOND) or self.read():
                (step or meanwhile)()
                step = next(left, None)
        except BaseException:
            self.cancel()
            raise
        handed = self.result()
        if handed is None:
            raise LoadingError("the process that reads the configuration has ended")
        return handed

    def result(self) -> Handed | None:
        """Return what the reader, which has ended, has handed over; None: more than rules has changed.

        :raises LoadingError: loading has failed.
        :raises Bug: it has raised an unexpected exception.
        """
        try:
            status, said = self._reap()
            with contextlib.suppress(BlockingIOError):
                while self._receive():
                    pass
            if self._failed is not None:
                raise _error(self._failed)
            if status != 0:
                raise LoadingError(said or _ended(status), missing=self._missing)
            return self._handed()
        except ValueError as error:
            raise LoadingError(
                f"the process that reads the configuration has sent what is not valid: {error}"
            ) from error
        finally:
            self._close()

    def _receive(self) -> bool:
        try:
            data, attached = receive_with(self.link, 1 << 16, 1)
        except ConnectionError:
            return False
        self._attached += attached
        for message in self._received.feed(data):
            self._take(message)
        if self._received.refused is not None:
            raise self._received.refused
        return bool(data)

    def _take(self, message: Told) -> None:
        if isinstance(message, Log):
            log.configure(message.config)
        elif isinstance(message, wire.LogLine):
            log.log.log(message.level, "%s", message.text)
        elif isinstance(message, Failed):
            self._failed = message
        elif isinstance(message, Missing):
            self._missing = _paths(message.paths)
        elif not self._attached:
            raise ValueError(f"a memfd is missing: that of {message}")
        elif isinstance(message, Early):
            data = self._attached.popleft()
            self._begin(message, data)
            os.close(data)
        else:
            data = self._memfds[message.what, message.source] = self._attached.popleft()
            if message.what == WORKER:
                self._tell(message.source, data)

    def _handed(self) -> Handed | None:
        if (ASSIGNMENT, "") not in self._memfds:
            return None
        memfds = self._memfds
        assignment = read_assignment(memfds[ASSIGNMENT, ""])
        names = [source.name for source in assignment.sources]
        optional = {
            HEALTH: assignment.health is not None,
            ACTIONS: assignment.response is not None,
            RESPONSES: assignment.response is not None and assignment.response.responds,
        }
        others = [(what, "") for what, there in optional.items() if there]
        wanted = [(OUTPUTS, ""), (BASELINE, ""), *others, *((WORKER, name) for name in names)]
        if missing := [what for what in wanted if what not in memfds]:
            raise ValueError(f"a memfd is missing: {missing[0]}")
        return Handed(
            assignment,
            {name: memfds.pop((WORKER, name)) for name in names},
            memfds.pop((OUTPUTS, "")),
            memfds.pop((BASELINE, "")),
            *(memfds.pop((what, "")) if there else None for what, there in optional.items()),
        )

    def _reap(self) -> tuple[int, str]:
        """Return how it ended, and what it has said on stderr."""
        status = reaped(self._pid)
        os.close(self.finished)
        said = "" if self._stderr is None else _written(self._stderr).decode(errors="replace")
        return status, said.partition("Error: ")[2].strip() or said.strip()

    def _close(self) -> None:
        self.link.close()
        for descriptor in (*self._attached, *self._memfds.values()):
            os.close(descriptor)
        self._attached.clear()
        self._memfds.clear()


def _error(failed: Failed) -> LoadingError | Bug:
    if failed.bug:
        return Bug(failed.text)
    return LoadingError(failed.text, failed.status, _paths(failed.missing))


def _paths(names: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(map(os.fsdecode, names))


def _ended(status: int) -> str:
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"has ended with status {status}"
    return f"the process that reads the configuration {how}"


def _written(file: IO[bytes]) -> bytes:
    with file:
        file.seek(0)
        return file.read()


def _run(load: Load, link: socket.socket, parent: int, stderr: IO[bytes] | None, keep: Set[int]) -> NoReturn:
    status, teller, dry_run = 1, Teller(link), None
    try:
        name_process(NAME)
        let_go_of_passed(os.environ, parent)
        restore()
        _take_over(parent, None if stderr is None else stderr.fileno(), {link.fileno(), *keep})
        dry_run = None if stderr is None else DryRun(link.fileno())
        confine_reader()
        status = 0 if load(teller) or dry_run is None else dry_run.run()
    except FalcohostError as error:
        missing = [os.fsencode(path) for path in error.paths] if isinstance(error, MissingFiles) else []
        teller.fail(Failed(str(error), error.exit_status, missing=missing))
    except BrokenPipeError:
        pass  # the supervisor is gone
    except Exception as error:
        short = shortage(error)
        teller.fail(Failed(short or f"{type(error).__name__}: {error}", bug=short is None))
    finally:
        if dry_run is not None:
            dry_run.close()
        os._exit(status)


class DryRun:
    """A fork of this process that waits to execute the agent's command with ``--dry-run``, and ends with it.

    :param link: a descriptor that the fork does not need.
    """

    def __init__(self, link: int) -> None:
        waits, self._asks = os.pipe()
        reader = os.getpid()
        try:
            self._pid = os.fork()
        except OSError as error:
            raise FalcohostError(
                f"checking configuration and rules takes two processes: {no_process(error)}"
            ) from error
        if self._pid == 0:
            self._wait(waits, reader, link)
        os.close(waits)

    def run(self) -> int:
        """Execute it; return its exit status. If a signal has ended it, this process ends the same way."""
        os.write(self._asks, b"x")
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        if status < 0:
            signal.raise_signal(-status)
        return status

    def close(self) -> None:
        """End the fork, if it still waits."""
        os.close(self._asks)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _wait(self, waits: int, reader: int, link: int) -> NoReturn:
        try:
            die_with_parent(reader)
            os.close(self._asks)
            os.close(link)
            if os.read(waits, 1):
                os.execv(sys.executable, [*command(), "--dry-run"])
        finally:
            os._exit(1)


def _take_over(parent: int, stderr: int | None, keep: Set[int]) -> None:
    """Separate this fork from its parent: default signal handlers; with an own *stderr*, no other descriptors."""
    die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    if stderr is None:
        return
    logging.disable()
    os.dup2(stderr, 2)
    let_go_of_descriptors(keep)
    os.dup2(0, 1)
