"""The process between a worker and its program: starts the program, and makes sure that nothing outlives the worker.

It is forked before the worker gives up its rights, so that the program has a user of its own, whom the worker need not
be able to become. Whatever the program starts becomes the keeper's child when its parent ends
(PR_SET_CHILD_SUBREAPER), even if it has left the session. The worker's end is the end of the socket between them.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from falcohost.libc import die_with_parent, name_process, prctl
from falcohost.programs import Way
from falcohost.readable import readable

# linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

#: Exit status of a program that a signal ended, minus the signal's number; as in a shell.
SIGNALLED = 128

#: What the error says when the keeper is gone.
GONE: Final = "the process that runs it is gone"

_START, _STOP = b"s", b"e"
_STARTED, _NOT_STARTED, _ENDED = 1, 2, 3
_SAID = struct.Struct("=Bi")


class Started(NamedTuple):
    """The program runs, with this process id."""

    pid: int


class NotStarted(NamedTuple):
    """The program cannot be executed; *error*: an errno."""

    error: int


class Ended(NamedTuple):
    """The program has ended with *status*, and all that it has started is gone."""

    status: int


class Keeper:
    """The worker's end: starts and ends the program *command*.

    :param environment: the variables of the program.
    :param way: as whom it runs.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], way: Way) -> None:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        worker = os.getpid()
        self._link = here
        self._pid = os.fork()
        if self._pid == 0:
            _keep(there, _Program(command, environment, way), worker)
        there.close()

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is something to :meth:`hear`."""
        return self._link.fileno()

    def start(self, stdin: int | None = None) -> tuple[int, int]:
        """Have the program started; return the descriptors of what it prints and of its stderr.

        :param stdin: the descriptor that the program reads; None: there is nothing to read.
        :raises OSError: the keeper is gone.
        """
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        try:
            given = () if stdin is None else (stdin,)
            socket.send_fds(self._link, [_START], [*given, out_end, err_end])
        except BaseException:
            os.close(out)
            os.close(err)
            raise
        finally:
            os.close(out_end)
            os.close(err_end)
        return out, err

    def hear(self, seconds: float) -> Started | NotStarted | Ended | None:
        """Return what has happened; wait for it for so many *seconds*. None: nothing.

        :raises OSError: the keeper is gone.
        """
        if not readable([self._link], seconds):
            return None
        if not (data := self._link.recv(_SAID.size)):
            raise OSError(errno.ECHILD, GONE)
        kind, value = _SAID.unpack(data)
        return Started(value) if kind == _STARTED else Ended(value) if kind == _ENDED else NotStarted(value)

    def check(self) -> None:
        """Check that the keeper is there.

        :raises OSError: it is gone.
        """
        with contextlib.suppress(BlockingIOError):
            if not self._link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                raise OSError(errno.ECHILD, GONE)

    def stop(self) -> None:
        """Have the program killed with everything that it has started; :class:`Ended` says when it is gone.

        :raises OSError: the keeper is gone.
        """
        self._link.send(_STOP)

    def close(self) -> None:
        """End the program and everything that it has started, and the keeper."""
        self._link.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


class _Program(NamedTuple):
    command: Sequence[str]
    environment: Mapping[str, str]
    way: Way


def _keep(link: socket.socket, program: _Program, worker: int) -> NoReturn:
    try:
        gc.disable()  # what the worker had stays as it is: closing its descriptors would close others here
        name_process("falcohost-keep")
        os.setsid()
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
        prctl(_PR_SET_NO_NEW_PRIVS, 1)  # the worker has set it, too, where it could
        _let_go_of_descriptors(link.fileno())
        wakes = _wake_on(signal.SIGCHLD, signal.SIGTERM)
        program.way.keep()
        die_with_parent(worker, signal.SIGTERM)
        _Kept(link, program, wakes).run()
    finally:
        os._exit(1)


def _let_go_of_descriptors(keep: int) -> None:
    """Redirect all descriptors but *keep* to /dev/null, so that their numbers stay in use."""
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) not in (keep, null):
            os.dup2(null, int(name), inheritable=int(name) == 0)


def _wake_on(*numbers: signal.Signals) -> int:
    """Return a descriptor from which the numbers of these signals can be read; ignore what the worker handles."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for number in numbers:
        signal.signal(number, lambda number, frame: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return reading


class _Kept:
    """The keeper: serves the worker until that is gone."""

    def __init__(self, link: socket.socket, program: _Program, wakes: int) -> None:
        self._link = link
        self._given = program
        self._wakes = wakes
        self._program = 0
        self._starting: int | None = None  # the program's process writes why it cannot be executed

    def run(self) -> NoReturn:
        """Run to the worker's end."""
        while True:
            waited = [self._link.fileno(), self._wakes, *([] if self._starting is None else [self._starting])]
            ready = readable(waited)
            if self._starting in ready:
                self._begun()
            if self._wakes in ready and signal.SIGTERM in os.read(self._wakes, 4096):
                break
            if self._link.fileno() in ready and not self._serve():
                break
            self._reap()
        _end_all()
        os._exit(0)

    def _serve(self) -> bool:
        """Do what the worker asks for; return False if it is gone."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._link, 1, 3)
        except OSError:
            return False
        if data == _START and len(descriptors) in (2, 3) and not self._program:
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
            self._start(descriptors if len(descriptors) == 3 else [0, *descriptors])
        elif data == _STOP and self._program and self._starting is None:
            os.kill(self._program, signal.SIGKILL)
        for descriptor in descriptors:
            os.close(descriptor)
        return bool(data)

    def _start(self, descriptors: Sequence[int]) -> None:
        self._starting, writing = os.pipe()
        keeper = os.getpid()
        self._program = os.fork()
        if self._program == 0:
            _execute(self._given, descriptors, writing, keeper)
        os.close(writing)

    def _begun(self) -> None:
        """Tell whether the program could be executed."""
        assert self._starting is not None
        error = os.read(self._starting, 4)
        os.close(self._starting)
        self._starting = None
        if error:
            os.waitpid(self._program, 0)
            self._program = 0
            self._say(_NOT_STARTED, int.from_bytes(error, "little"))
        else:
            self._say(_STARTED, self._program)

    def _reap(self) -> None:
        """Reap ended children; if the program is among them, end all others, and tell."""
        status = None
        with contextlib.suppress(ChildProcessError):
            while self._starting is None and (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._program:
                    status = os.waitstatus_to_exitcode(ended[1])
        if status is not None:
            self._program = 0
            _end_all()
            self._say(_ENDED, status if status >= 0 else SIGNALLED - status)

    def _say(self, kind: int, value: int) -> None:
        with contextlib.suppress(OSError):  # the worker is gone, which is seen next
            self._link.send(_SAID.pack(kind, value))


def _execute(program: _Program, descriptors: Sequence[int], failed: int, keeper: int) -> NoReturn:
    """Become the program, in its process; if that fails, write why to *failed*."""
    error = errno.EPERM
    try:
        signal.set_wakeup_fd(-1)
        # The worker handles some signals, and a shell makes background jobs ignore SIGINT and SIGQUIT.
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        for place, descriptor in enumerate(descriptors):
            os.dup2(descriptor, place)
        program.way.become()
        die_with_parent(keeper)
        os.execvpe(program.command[0], list(program.command), dict(program.environment))
    except OSError as failure:
        error = failure.errno or error
    finally:
        os.write(failed, error.to_bytes(4, "little"))
        os._exit(1)


def _end_all() -> None:
    """Kill all remaining descendants of this process, generation by generation."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while True:
        for pid in children.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return
