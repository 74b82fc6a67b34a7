"""What the reader sends to the supervisor: log lines, memfds for other processes, and the assignment or an error.

The supervisor decodes only these messages and the assignment. It passes the memfds on without reading them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from falcohost import log
from falcohost.engine.texts import valid
from falcohost.host import wire
from falcohost.host.assignment import Assignment
from falcohost.log import LogConfig


class Log(msgspec.Struct, tag=True, frozen=True):
    """Where the log goes; comes before the first line."""

    config: LogConfig


class Memfd(msgspec.Struct, tag=True, frozen=True):
    """The memfd that is attached: *what* it is, and of which source."""

    what: str
    source: str = ""


class Early(msgspec.Struct, tag=True, frozen=True):
    """The memfd that is attached is what the loader of *source* gets before the rules are read.

    :ivar modules: those that it needs.
    :ivar nice: the agent's value (:mod:`falcohost.host.precedence`).
    """

    source: str
    modules: tuple[str, ...]
    nice: int


class Failed(msgspec.Struct, tag=True, frozen=True):
    """Loading has failed.

    :ivar status: the exit status of the agent.
    :ivar bug: the error is none of falcohost's own.
    :ivar missing: files whose appearance may mend it.
    """

    text: str
    status: int = 1
    bug: bool = False
    missing: list[bytes] = []


class Missing(msgspec.Struct, tag=True, frozen=True):
    """*paths* that sources are to read and that are not there: if a start would fail, their appearance may mend it."""

    paths: list[bytes]


#: What the reader says.
Told: TypeAlias = Log | wire.LogLine | Early | Memfd | Failed | Missing

ACTIONS: Final = "actions"
ASSIGNMENT: Final = "assignment"
BASELINE: Final = "baseline"
HEALTH: Final = "health"
RESPONSES: Final = "responses"
OUTPUTS: Final = "outputs"
WORKER: Final = "worker"


@dataclass(frozen=True, slots=True)
class Handed:
    """What the reader has handed over.

    :ivar workers: the memfd of each source's worker.
    :ivar outputs: the memfd of outputs and other subscribers.
    :ivar baseline: the memfd with what the next reader compares.
    :ivar health: the memfd of the health process; None: there is none.
    :ivar actions: that of the process that acts on alerts; *responses*: that of the one that it has run programs.
    """

    assignment: Assignment
    workers: Mapping[str, int]
    outputs: int
    baseline: int
    health: int | None = None
    actions: int | None = None
    responses: int | None = None

    def close(self) -> None:
        """Close all memfds, which are not used."""
        for descriptor in (*self.workers.values(), self.outputs, self.baseline):
            os.close(descriptor)
        for optional in (self.health, self.actions, self.responses):
            if optional is not None:
                os.close(optional)


class Teller:
    """The reader's end of the link to the supervisor."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def log_to(self, config: LogConfig) -> None:
        """Have the supervisor log as configured, and send it what this process logs."""
        log.configure(config)
        log.forward(lambda level, text: self._send(wire.LogLine(level, text)))
        self._send(Log(config))

    def hand(self, what: str, descriptor: int, source: str = "") -> None:
        """Send the memfd *descriptor*."""
        self._attach(Memfd(what, source), descriptor)

    def hand_early(self, early: Early, descriptor: int) -> None:
        """Send the memfd *descriptor* with what a loader gets before the rules are read."""
        self._attach(early, descriptor)

    def miss(self, paths: Iterable[str]) -> None:
        """Send which paths are not there that sources are to read."""
        self._send(Missing([os.fsencode(path) for path in paths]))

    def fail(self, failed: Failed) -> None:
        """Send why loading has failed; names of files in it may be no UTF-8."""
        self._send(msgspec.structs.replace(failed, text=valid(failed.text)))

    def _attach(self, message: Told, descriptor: int) -> None:
        data = wire.packed(message)
        sent = socket.send_fds(self._link, [data], [descriptor])
        self._link.sendall(data[sent:])

    def _send(self, message: Told) -> None:
        self._link.sendall(wire.packed(message))
