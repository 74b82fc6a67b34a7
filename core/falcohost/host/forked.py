"""What a fork of the supervisor, or of a worker, does first: it separates itself from its parent."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Set
from typing import NoReturn, TypeVar

from falcohost.libc import die_with_parent, name_process
from falcohost.log import log

G = TypeVar("G")

#: Signals that the supervisor and its workers handle.
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

#: Those of them that wait while the agent executes itself anew.
WAITING = (signal.SIGHUP, signal.SIGUSR1)


#: The children that this process has forked and not reaped yet.
_own: set[int] = set()


def forked(pid: int) -> int:
    """Take note that this process has forked *pid*, if it is not the child; return it."""
    if pid != 0:
        _own.add(pid)
    return pid


def reaped(pid: int) -> int:
    """Wait for the end of *pid*, which this process has forked; return its exit code, or minus the signal's number."""
    _, status = os.waitpid(pid, 0)
    _own.discard(pid)
    return os.waitstatus_to_exitcode(status)


def fork_held(run: Callable[[], NoReturn]) -> tuple[int, int]:
    """Fork a process that runs *run*, with this one's signals blocked; return its pid, and a descriptor of it.

    :raises OSError: there can be no process, or no descriptor; then there is no process either.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        pid = forked(os.fork())
        if pid == 0:
            run()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        return pid, end_of(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        reaped(pid)
        raise


def end_of(pid: int) -> int:
    """Return a descriptor that becomes readable when the child *pid* has ended, which is not reaped by then.

    Linux has none for processes before 5.3. There a thread waits for the end.

    :raises OSError: there can be none.
    """
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
    end, told = os.pipe2(os.O_CLOEXEC)
    threading.Thread(target=_tell_end, args=(pid, told), name="end", daemon=True).start()
    return end


def _tell_end(pid: int, told: int) -> None:
    """Wait for the end of a child, and write a byte: forks of this process may have this end of the pipe, too."""
    with open(told, "wb", buffering=0) as link, contextlib.suppress(OSError):
        with contextlib.suppress(ChildProcessError):  # it was reaped meanwhile
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        link.write(b"\0")


def own_children() -> Set[int]:
    """Return the children that this process has forked and not reaped yet."""
    return _own


def take_over(descriptors: Set[int], parent: int, name: str = "") -> None:
    """Separate this fork from its *parent*: signals, and all descriptors but these.

    :param name: the process's name, as ps(1) shows it; empty: that of its parent.
    """
    if name:
        name_process(name)
    die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    let_go_of_descriptors(descriptors)


def say_why(parent: int) -> None:
    """Log the exception that ends this fork of *parent*, which nothing else tells; not if *parent* is gone."""
    if os.getppid() == parent:
        log.critical("%s", traceback.format_exc().rstrip())


def imports_late(run: Callable[[G, int, socket.socket], NoReturn]) -> Callable[[G, int, socket.socket], NoReturn]:
    """Have a fork run *run*, which imports what its parent has no use for, and end with it; say if that is not there.

    *run* gets what it is given, the pid of its parent, and its end of the socket to that.
    """

    @functools.wraps(run)
    def to_the_end(given: G, parent: int, link: socket.socket) -> NoReturn:
        try:
            run(given, parent, link)
        except ImportError:
            say_why(parent)
        finally:
            os._exit(1)

    return to_the_end


def end_after(seconds: int) -> None:
    """Have the kernel end this process after so many *seconds*, whatever it does then."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)


def let_go_of_descriptors(keep: Set[int]) -> None:
    """Redirect every inherited descriptor to /dev/null, except those to *keep* and stderr.

    Unless stdout is to be kept, it becomes stderr.

    The numbers stay in use, so that an inherited object that closes its descriptor never closes one of the source's.
    """
    null = os.open(os.devnull, os.O_RDWR)
    inherited = [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    for number in inherited:
        if number not in {1, 2, null, *keep}:
            os.dup2(null, number, inheritable=number == 0)
    if 1 not in keep:
        os.dup2(2, 1)
