"""The endpoints: what each path answers, and to whom. None changes anything."""

from __future__ import annotations

import ipaddress
import re
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.web import Application, RequestHandler

from falcohost.host.health.data import HealthData
from falcohost.host.health.exposition import CONTENT_TYPE, exposition
from falcohost.host.health.machine import Machine
from falcohost.host.health.told import Told
from falcohost.host.snapshot import Snapshot
from falcohost.web.connections import Connection, Connections
from falcohost.web.limits import WebLimits
from falcohost.web.secret import Secret

#: The limits of connections. A request has no body.
LIMITS: Final = WebLimits(
    body=1024, header=8 << 10, connections=128, peer_connections=64, header_time=10.0, body_time=5.0, store_time=5.0
)


def finish_and_close(handler: RequestHandler, body: bytes) -> None:
    """Answer with *body*, and close the connection once that is sent, so that each such request costs a connection."""
    connection = handler.request.connection
    assert isinstance(connection, HTTP1Connection)
    stream = connection.stream
    handler.set_header("Connection", "close")
    sent = handler.finish(body)
    if stream.writing():
        sent.add_done_callback(lambda _: stream.close())
    else:
        stream.close()  # at once, since further requests in the buffer would be served before other connections


class Desk:
    """Objects that all requests share.

    :ivar told: what the supervisor has told.
    :ivar connections: the open connections.
    """

    def __init__(self, data: HealthData, told: Told, machine: Machine) -> None:
        self.told = told
        self._machine = machine
        self.connections: Connections | None = None
        self._made_of: Snapshot | None = None
        self._text = b""
        self.renew(data)

    def renew(self, data: HealthData) -> None:
        """Go over to other *data*; port and paths stay."""
        self.data = data
        self.secret = Secret(data.token)
        self._made_of = None

    def is_own(self, host: str | None) -> bool:
        """Return whether the header *host* names this host.

        A web page can have a browser come here under a name of its own (DNS rebinding), but not under an address.
        """
        if host is None or "@" in host:
            return False
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
            if name.lower() in {own.lower() for own in self.data.hosts}:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def metrics(self, snapshot: Snapshot) -> bytes:
        """Return the metrics as text; made once for each snapshot."""
        if self._made_of is not snapshot:
            self._text = exposition(snapshot, self.data, self._machine, self.told.reloaded)
            self._made_of = snapshot
        return self._text


class _Endpoint(RequestHandler):
    """Answers GET and HEAD with JSON."""

    def initialize(self, desk: Desk) -> None:
        """Initialise the request."""
        self._desk = desk
        self._connection: Connection | None = None

    def set_default_headers(self) -> None:
        """Say nothing of the server's software; nobody is to keep an answer."""
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> None:
        """Check the headers."""
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection) and self._desk.connections is not None
        self._connection = self._desk.connections.of(connection.stream)
        if self.request.method not in ("GET", "HEAD"):
            self.set_header("Allow", "GET, HEAD")
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)
        elif not self._desk.is_own(self.request.headers.get("Host")):
            self._refuse(HTTPStatus.FORBIDDEN)

    def on_finish(self) -> None:
        """Take note of the answer: who gets none that is good is closed first."""
        if self._connection is not None and self._desk.connections is not None:
            self._desk.connections.answered(self._connection, good=self.get_status() == HTTPStatus.OK)

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Answer errors of the server itself."""
        self._refuse(HTTPStatus(status_code))

    def get(self) -> None:
        """Answer that there is nothing."""
        self._refuse(HTTPStatus.NOT_FOUND)

    def head(self) -> None:
        """Answer the same without a body."""
        self.get()

    def _refuse(self, status: HTTPStatus) -> None:
        self.set_status(status)
        finish_and_close(self, _json({"status": status.phrase.lower()}))

    def _answer(self, good: bool, status: str) -> None:
        self.set_status(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE)
        self.finish(_json({"status": status}))


class _Health(_Endpoint):
    """Says whether the agent works, and nothing else."""

    def get(self) -> None:
        """Answer 200 if it does."""
        works = self._desk.told.works
        self._answer(works, "ok" if works else "failing")


class _Ready(_Endpoint):
    """Says whether the agent works and all of it is open."""

    def get(self) -> None:
        """Answer 200 if so."""
        ready = self._desk.told.ready
        self._answer(ready, "ok" if ready else "not ready")


class _Versions(_Endpoint):
    """Has Falco's object of versions."""

    def get(self) -> None:
        """Answer with it."""
        self.finish(_json(self._desk.data.versions))


class _Metrics(_Endpoint):
    """Has the numbers, for Prometheus."""

    async def get(self) -> None:  # type: ignore[override]
        """Answer with them, if the request has the token."""
        if not self._desk.secret.admits(self.request.headers.get("Authorization")):
            self.set_header("WWW-Authenticate", "Bearer")
            self._refuse(HTTPStatus.UNAUTHORIZED)
            return
        snapshot = await self._desk.told.numbers()
        if snapshot is None:
            self._answer(False, "the agent does not answer")
            return
        self.set_header("Content-Type", CONTENT_TYPE)
        self.finish(self._desk.metrics(snapshot))

    async def head(self) -> None:  # type: ignore[override]
        """Answer the same without a body."""
        await self.get()


def application(desk: Desk) -> Application:
    """Return the application that serves what the data of *desk* says."""
    web = desk.data.web
    shared = {"desk": desk}
    paths: dict[str, type[_Endpoint]] = {}
    if web is not None:
        paths = {"/versions": _Versions, "/readyz": _Ready} | ({"/metrics": _Metrics} if web.metrics else {})
        paths[web.healthz] = _Health
    return Application(
        [(re.escape(path), handler, shared) for path, handler in paths.items()],
        default_handler_class=_Endpoint,
        default_handler_args=shared,
        log_function=lambda _: None,
    )


def _json(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"
