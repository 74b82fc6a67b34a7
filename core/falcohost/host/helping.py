"""Starts the helpers of a source (:mod:`falcohost.helpers`), and notices when one has ended."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import traceback
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any, Final, NoReturn

from falcohost import log
from falcohost.errors import SourceError
from falcohost.helpers import Helper, HelperEnded, HelperSpec
from falcohost.host.confine.capabilities import close_the_way_back
from falcohost.host.confine.confinement import Confinement, confine
from falcohost.host.forked import take_over
from falcohost.host.functions import function
from falcohost.host.jobs import job_of
from falcohost.host.memory import settle
from falcohost.host.shortage import no_process
from falcohost.needs import Needs
from falcohost.readable import readable

#: Seconds until it is known how a helper has ended that has closed its socket.
PATIENCE: Final = 1.0


class Helpers:
    """The helpers of this process, whose user is *user* (None: that of this process).

    :param only_log: system calls that are forbidden are only logged.

    :ivar running: the helpers by name.
    """

    def __init__(self, specs: Iterable[HelperSpec], user: int | None, *, only_log: bool) -> None:
        self.running: dict[str, Helper] = {}
        self._ends: dict[int, str] = {}
        self._ended: tuple[str, bool] | None = None
        specs = list(specs)
        with contextlib.ExitStack() as closing:
            others = _others(specs, closing)
            for spec in specs:
                helper = _started(spec, others.get(spec.name), user, only_log)
                self.running[spec.name] = helper
                with contextlib.suppress(OSError):  # since Linux 5.3
                    self._ends[os.pidfd_open(helper.pid)] = spec.name

    def miss(self, names: Set[str]) -> bool:
        """Return whether one of *names* is not among them."""
        return not names <= self.running.keys()

    def check(self) -> None:
        """Check that all of them are running.

        :raises HelperEnded: one has ended, or was stopped. If it has ended for a forbidden system call, this process
            ends the same way.
        """
        for name, helper in self.running.items():
            if self._ended is None:
                self._look(name, helper.pid)
        if self._ended is not None:
            raise HelperEnded

    def how_it_ended(self) -> tuple[str, bool]:
        """Return how one has ended, in words, and whether somebody else has ended it. Waits for that for a moment."""
        if self._ended is None:
            readable(self._ends, PATIENCE)
            with contextlib.suppress(HelperEnded):
                self.check()
        return self._ended or ("a helper has closed its socket", False)

    def _look(self, name: str, pid: int) -> None:
        ended, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if not ended:
            return
        if os.WIFSTOPPED(status):  # it ends with this process
            self._ended = f"its helper '{name}' was stopped by {signal.Signals(os.WSTOPSIG(status)).name}", True
            return
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGSYS:
            signal.raise_signal(signal.SIGSYS)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"has ended with status {code}"
        self._ended = f"its helper '{name}' {how}", code < 0


def _others(specs: Iterable[HelperSpec], closing: contextlib.ExitStack) -> Mapping[str, socket.socket]:
    """Return the ends of the sockets between helpers, by the helper that gets it; *closing* closes them here.

    :raises SourceError: there can be none.
    """
    names, found = {spec.name for spec in specs}, {}
    for spec in specs:
        if spec.asks in names:
            try:
                ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            except OSError as error:
                raise SourceError(f"its helper '{spec.name}' cannot be started: {error.strerror}") from error
            for name, end in zip((spec.name, spec.asks), ends, strict=True):
                found[name] = closing.enter_context(end)
    return found


def _started(spec: HelperSpec, other: socket.socket | None, user: int | None, only_log: bool) -> Helper:
    """Return the helper, which is started.

    :raises SourceError: there can be no process.
    """
    worker = os.getpid()
    try:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM if spec.stream else socket.SOCK_SEQPACKET)
        pid = os.fork()
    except OSError as error:
        raise SourceError(f"its helper '{spec.name}' cannot be started: {no_process(error)}") from error
    if pid == 0:
        _run(spec, there, other, worker, user, only_log)
    there.close()
    return Helper(pid, here, job_of(_needs(spec)))


def _needs(spec: HelperSpec) -> Needs:
    files = None if spec.files is None else tuple(map(Path, spec.files))
    writes = None if spec.writes is None else tuple(map(Path, spec.writes))
    return Needs(spec.calls, files, writes, connects=spec.connects)


def _run(
    spec: HelperSpec, link: socket.socket, other: socket.socket | None, worker: int, user: int | None, only_log: bool
) -> NoReturn:
    status = 1
    try:
        gc.disable()  # nothing here makes cycles, and pages that nobody touches stay shared
        log.mute()
        os.environ.clear()
        take_over({link.fileno(), *([] if other is None else [other.fileno()])}, worker)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a worker that is told to stop still needs it
        close_the_way_back()
        serve = function(spec.serve, "serve", spec.capabilities, spec.calls)
        for one in spec.modules:
            importlib.import_module(one)
        more: dict[str, Any] = {} if other is None else {"other": other}
        if spec.opens:
            more["opened"] = function(spec.opens, "opens")(spec.settings)
        confinement = Confinement(
            user=user, capabilities=spec.capabilities, needs=_needs(spec), only_log=only_log, keeps=frozenset({2})
        )
        confine(confinement, worker)
        settle()
        serve(link, *([spec.settings] if spec.settings else []), **more)
        status = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(status)
