"""What the supervisor gives the processes that act on alerts, without the modules that only these import."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final, NoReturn

from msgspec import Struct

from falcohost.host.confine.programs import Programs
from falcohost.host.forked import imports_late
from falcohost.host.response.cgroups import MOUNTS
from falcohost.needs import CONNECT, SIGNAL, THREADS, WRITE, Needs

#: The names of the processes.
ACTIONS: Final = "falcohost-act"
RESPONSES: Final = "falcohost-resp"

#: What the process that acts keeps.
KEPT: Final = frozenset({"CAP_KILL"})


class ActionsGiven(Struct, frozen=True, kw_only=True):
    """What the process that acts is given.

    :ivar data: the memfd with its data.
    :ivar marks: the descriptors of the files of marks.
    :ivar user: the user of the process; None: it stays.
    :ivar only_log: forbidden system calls are only logged.
    """

    data: int
    marks: tuple[int, int]
    user: int | None
    only_log: bool = False

    @property
    def needs(self) -> Needs:
        """Return what the process does: it looks at processes and cgroups, and sends signals."""
        return Needs(frozenset({SIGNAL}), (Path("/proc"), *map(Path, MOUNTS)))


class ResponsesGiven(Struct, frozen=True, kw_only=True):
    """What the process is given that runs programs, posts, and has plugins' actions.

    :ivar data: the memfd with its data.
    :ivar user: the user of the process; None: it stays.
    :ivar only_log: forbidden system calls are only logged.
    :ivar programs: as whom programs run; None: there is none.
    :ivar connects: the addresses to which it connects; *plugins*: some actions are plugins'.
    """

    data: int
    user: int | None
    only_log: bool = False
    programs: Programs | None = None
    connects: tuple[str, ...] = ()
    plugins: bool = False
    posts: bool = False

    @property
    def needs(self) -> Needs:
        """Return what the process does; what plugins do is not known."""
        if self.plugins:
            return Needs(frozenset({THREADS, CONNECT, WRITE}), None, None, connects=self.connects)
        if self.posts:
            return Needs(frozenset({THREADS, CONNECT}), None, connects=self.connects)
        return Needs(frozenset({THREADS}))


@imports_late
def start_actions(given: ActionsGiven, parent: int, link: socket.socket) -> NoReturn:
    """Run the process that acts in this fork of the supervisor *parent*, with its end of the *link* to it."""
    from falcohost.host.response.process import run_actions

    run_actions(given, parent, link)


@imports_late
def start_responses(given: ResponsesGiven, parent: int, link: socket.socket) -> NoReturn:
    """Run the other process in this fork of the supervisor *parent*, with its end of the *link* to it."""
    from falcohost.host.response.responses import run_responses

    run_responses(given, parent, link)
