"""The processes that prepare ahead, while the rules are read, what loaders take over (:mod:`falcohost.host.ahead`)."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
from collections.abc import Iterator, Set

from msgspec import Struct

from falcohost.host.ahead import prepare_ahead
from falcohost.host.descriptors import check_room
from falcohost.host.forked import fork_held, reaped
from falcohost.host.supervision.loop import Loop

#: Descriptors that one takes: both ends of its socket, and itself.
_ROOM = 3


class _Preparing(Struct, frozen=True):
    """A process that prepares, and the socket to it."""

    pid: int
    ended: int
    link: socket.socket


class Ahead:
    """The processes by source. They end by themselves; close it at the end of a run."""

    def __init__(self) -> None:
        self._preparing: dict[str, _Preparing] = {}
        self._running: list[_Preparing] = []

    def begin(self, source: str, data: int) -> None:
        """Start one for *source* that gets the memfd *data*; if that is impossible, its loader does everything."""
        with contextlib.suppress(OSError):
            check_room(_ROOM)
            here, there = socket.socketpair()
            parent = os.getpid()
            try:
                with there:
                    pid, ended = fork_held(lambda: prepare_ahead(data, there, parent))
            except OSError:
                here.close()
                raise
            self._preparing[source] = _Preparing(pid, ended, here)
            self._running.append(self._preparing[source])

    def tell(self, source: str, data: int) -> None:
        """Give the one for *source*, if there is one, the memfd *data* with what the worker gets."""
        if (found := self._preparing.get(source)) is not None:
            with contextlib.suppress(OSError):  # it has ended
                socket.send_fds(found.link, [b"\0"], [data])

    def leave(self, sources: Set[str], loop: Loop) -> None:
        """Leave those for *sources* and end the others; have *loop* reap each that has ended."""
        for one in self._running:
            loop.watch(one.ended, functools.partial(self._reap, one, loop))
        for source, one in [*self._preparing.items()]:
            if source not in sources:
                os.kill(one.pid, signal.SIGKILL)
                del self._preparing[source]
                one.link.close()

    @contextlib.contextmanager
    def taken(self, source: str) -> Iterator[int | None]:
        """Return the socket to the one for *source*, the first time; None: there is none. It is closed at the end."""
        self.end_stopped()
        found = self._preparing.pop(source, None)
        if found is None:
            yield None
            return
        with found.link:
            with contextlib.suppress(OSError):
                found.link.shutdown(socket.SHUT_WR)  # whatever was not told will not be
            yield found.link.fileno()

    def end_stopped(self) -> None:
        """End those that a signal has stopped, for which loaders would wait: these do everything themselves."""
        for one in self._running:
            with contextlib.suppress(ChildProcessError):
                if os.waitid(os.P_PID, one.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None:
                    os.kill(one.pid, signal.SIGKILL)

    def close(self) -> None:
        """End those that still run, with a run or a start that ends before they do."""
        for one in self._running:
            os.kill(one.pid, signal.SIGKILL)
            self._forget(one)
        for one in self._preparing.values():
            one.link.close()
        self._running.clear()
        self._preparing.clear()

    def _reap(self, one: _Preparing, loop: Loop) -> None:
        self._running.remove(one)
        loop.forget(one.ended)
        self._forget(one)

    @staticmethod
    def _forget(one: _Preparing) -> None:
        reaped(one.pid)
        os.close(one.ended)
