"""What the supervisor gives the health process, without the modules that only that process imports."""

from __future__ import annotations

import socket
from typing import Final, NoReturn

from msgspec import Struct

from falcohost.host.forked import imports_late
from falcohost.needs import LISTEN, THREADS, Needs

#: The name of the process.
NAME: Final = "falcohost-web"


class HealthGiven(Struct, frozen=True, kw_only=True):
    """What the health process is given.

    :ivar data: the memfd with its data.
    :ivar user: the user of the process; None: it stays.
    :ivar only_log: forbidden system calls are only logged.
    :ivar interval: seconds between two snapshots; 0: there are none.
    :ivar alerts: snapshots are alerts.
    :ivar serves: it listens on a port; *tls*: with TLS.
    """

    data: int
    user: int | None
    only_log: bool = False
    interval: float = 0.0
    alerts: bool = False
    serves: bool = True
    tls: bool = False

    def with_data(self, data: int) -> HealthGiven:
        """Return the same with another memfd."""
        return HealthGiven(
            data=data,
            user=self.user,
            only_log=self.only_log,
            interval=self.interval,
            alerts=self.alerts,
            serves=self.serves,
            tls=self.tls,
        )

    @property
    def needs(self) -> Needs:
        """Return what the process does; TLS handshakes have threads."""
        return Needs(frozenset({*([LISTEN] if self.serves else []), *([THREADS] if self.tls else [])}))


@imports_late
def start_health(given: HealthGiven, parent: int, link: socket.socket) -> NoReturn:
    """Run the health process in this fork of the supervisor *parent*, with its end of the *link* to it."""
    from falcohost.host.health.process import run_health

    run_health(given, parent, link)
