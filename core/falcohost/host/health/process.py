"""The health process: opens port and files, gives up all rights, and serves; without it nothing else is missing.

It is forked by the supervisor, and never returns into the code that forked it; it ends with ``os._exit``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import socket
import ssl
from pathlib import Path
from typing import Final, NoReturn

from msgspec import Struct

from falcohost import log
from falcohost.errors import FalcohostError
from falcohost.host.channel import Channel
from falcohost.host.config.health import WebConfig
from falcohost.host.confine.capabilities import close_the_way_back
from falcohost.host.confine.confinement import Confinement, confine, import_lazy
from falcohost.host.forked import say_why, take_over
from falcohost.host.health import messages
from falcohost.host.health.data import HealthData, unseal_health
from falcohost.host.health.given import NAME, HealthGiven
from falcohost.host.health.machine import Machine
from falcohost.host.memory import settle
from falcohost.host.wire import LogLine
from falcohost.opening import open_here
from falcohost.readable import readable
from falcohost.web.tls import server_context

#: Most connections that wait to be accepted.
_BACKLOG: Final = 64

#: Seconds until the port is tried again.
_AGAIN: Final = 5.0


class Opened(Struct, frozen=True):
    """What the process has opened.

    :ivar file: the file of snapshots; None: there is none.
    :ivar heard: what the supervisor has said meanwhile.
    """

    sockets: list[socket.socket]
    tls: ssl.SSLContext | None
    machine: Machine
    file: int | None
    heard: list[messages.FromSupervisor]


def run_health(given: HealthGiven, parent: int, link: socket.socket) -> NoReturn:
    """Run the health process."""
    status = 1
    try:
        take_over({link.fileno(), given.data}, parent, NAME)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor says when to end
        supervisor: Channel[messages.FromSupervisor] = Channel(link, messages.FromSupervisor, attached=True)
        log.forward(lambda level, text: supervisor.send(LogLine(level, text)))
        status = _run(given, supervisor, parent)
    except (SystemExit, Exception):
        say_why(parent)
    finally:
        os._exit(status)


def _run(given: HealthGiven, supervisor: Channel[messages.FromSupervisor], parent: int) -> int:
    close_the_way_back()
    import_lazy()
    data = unseal_health(given.data)
    os.close(given.data)
    from falcohost.host.health.serving import Serving  # tornado and prometheus-client, which nobody else needs

    try:
        opened = _opened(data, supervisor)
        confine(Confinement(user=given.user, needs=given.needs, only_log=given.only_log), parent)
    except FalcohostError as error:
        log.log.error("the endpoints are not served: %s", error)
        return 1
    settle()
    supervisor.send(messages.Working())
    asyncio.run(Serving(data, opened, supervisor).run())
    return 0


def _opened(data: HealthData, supervisor: Channel[messages.FromSupervisor]) -> Opened:
    """Open everything.

    :raises FalcohostError: the certificate cannot be used.
    """
    web, tls = data.web, None
    if web is not None and web.certificate:
        tls = server_context(Path(web.certificate), None, None, "webserver")
    heard: list[messages.FromSupervisor] = []
    sockets = [] if web is None else [_listening(web, data.token, supervisor, heard)]
    return Opened(sockets, tls, Machine(), _file(data), heard)


def _file(data: HealthData) -> int | None:
    if data.metrics is None or not data.metrics.file:
        return None
    try:
        return open_here(data.metrics.file)
    except OSError as error:
        log.log.error("metrics.output_file: %s cannot be opened: %s", data.metrics.file, error.strerror)
        return None


def _listening(
    web: WebConfig,
    token: bytes | None,
    supervisor: Channel[messages.FromSupervisor],
    heard: list[messages.FromSupervisor],
) -> socket.socket:
    """Return a listening socket; wait until the port is free, and add to *heard* what the supervisor says meanwhile."""
    where = f"[{web.address}]:{web.port}" if ":" in web.address else f"{web.address}:{web.port}"
    family = socket.AF_INET6 if ":" in web.address else socket.AF_INET
    told = False
    while True:
        try:
            found = socket.create_server((web.address, web.port), family=family, backlog=_BACKLOG)
            break
        except OSError as error:
            if not told:
                what = "webserver: cannot listen on %s: %s; trying again every %.0f s"
                log.log.error(what, where, error.strerror or error, _AGAIN)
            told = True
        _wait(supervisor, heard)
    found.setblocking(False)
    log.log.info("webserver: listening on %s", where)
    if not web.given:
        log.log.warning("webserver.listen_address is not set, so only this machine reaches the endpoints")
    if web.metrics and token is None:
        who = "every user of this machine" if ipaddress.ip_address(web.address).is_loopback else "whoever can reach it"
        what = "webserver: %s can read at %s/metrics which rules there are, and which have matched: "
        log.log.warning(f"{what}falcohost.webserver.token_file is not set", who, where)
    return found


def _wait(supervisor: Channel[messages.FromSupervisor], heard: list[messages.FromSupervisor]) -> None:
    """Wait for a moment; keep the last of each that the supervisor says, but questions.

    :raises SystemExit: the supervisor is gone.
    """
    readable([], _AGAIN)
    for message in supervisor.read():
        heard[:] = [one for one in heard if type(one) is not type(message)]
        heard += [] if isinstance(message, messages.Tell) else [message]
    if supervisor.closed:
        raise SystemExit(1)
