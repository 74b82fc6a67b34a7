"""Handles one request: authenticates the sender, reads the body, and answers once the alerts are stored.

The body of a refused request is read and discarded, so that the sender gets the answer instead of a broken connection;
only a very large body is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.web import RequestHandler, stream_request_body

from falcohost.jsonlog.refusals import Refusals
from falcohost.jsonlog.split import Wrapped
from falcohost.log import log
from falcohost.web.address import Address
from falcohost.web.body import Body, Rejected, too_large
from falcohost.web.browsers import media_type, refuse_browsers
from falcohost.web.connections import Connection, Connections
from falcohost.web.form import Form
from falcohost.web.inbox import Delivery, Inbox
from falcohost.web.limits import WebLimits
from falcohost.web.secret import Secret

#: Seconds after which a sender may try again.
RETRY_AFTER = 2

#: A refused body is read to its end if it is at most this many times the size limit.
_THROWN_AWAY = 4


#: Answers to those who are not to send; each costs them a connection.
_STRANGERS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED)


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


class _Strangers:
    """Counts requests without the right secret; they are not events, so they do not count as lost."""

    def __init__(self) -> None:
        self._count = 0
        self._next = 1

    def note(self, peer: str, what: str) -> None:
        """Count a request from *peer* without the right *what*; log the first, the tenth, the hundredth and so on."""
        self._count += 1
        if self._count == self._next:
            self._next *= 10
            log.warning("a request from %s did not have the right %s (401); %d so far", peer, what, self._count)


class Desk:
    """Objects that all requests of a listener share."""

    def __init__(
        self,
        inbox: Inbox,
        address: Address,
        secret: Secret,
        form: Form,
        limits: WebLimits,
        refusals: Refusals,
        connections: Connections,
    ) -> None:
        self.inbox = inbox
        self.address = address
        self.secret = secret
        self.form = form
        self.limits = limits
        self.refusals = refusals
        self.connections = connections
        self.strangers = _Strangers()
        self.wrapped = Wrapped(form.wrappers) if form.wrappers else None


@stream_request_body
class WebhookHandler(RequestHandler):
    """Receives records by POST."""

    def initialize(self, desk: Desk) -> None:
        """Initialise the request."""
        self._desk = desk
        self._connection: Connection | None = None
        self._body: Body | None = None
        self._rejected: Rejected | None = None
        self._thrown_away = 0
        self._raws: list[msgspec.Raw] | None = None

    def set_default_headers(self) -> None:
        """Remove the header that reveals the server's software."""
        self.clear_header("Server")

    def prepare(self) -> None:
        """Check the headers before reading the body."""
        if self.request.method != "POST":
            return  # 405
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        connection.set_max_body_size(1 << 62)  # data_received() limits it, to send an answer of ours
        self._connection = self._desk.connections.of(connection.stream)
        try:
            self._body = self._opened()
        except Rejected as rejected:
            self._reject(rejected)
        else:
            self._admitted()

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Add a part of the body."""
        if self._body is None:
            self._thrown_away += len(chunk)
            if self._thrown_away > _THROWN_AWAY * self._desk.limits.body and not self._finished:
                self._answer_rejected()
            return None
        try:
            self._body.add(chunk)
        except Rejected as rejected:
            self._reject(rejected)
        return None

    async def post(self) -> None:
        """Pass the body on and wait until its alerts are stored."""
        await asyncio.sleep(0)  # others have their turn before the next request in this connection's buffer
        if self._finished:
            return
        if self._body is None:
            self._answer_rejected()
            return
        try:
            body = self._body.whole(self._read)
        except Rejected as rejected:
            self._reject(rejected)
            self._answer_rejected()
            return
        self._body = None
        if self._connection is not None:
            self._connection.drop = None
            self._connection.waits = True
            if self._desk.secret:
                self._desk.connections.prove(self._connection)
        stored = await self._stored(body)
        if stored:
            self._answer(HTTPStatus.OK, "stored")
        else:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "not stored yet; send it again (duplicates are ignored)")

    def on_finish(self) -> None:
        """Discard what is left of the body."""
        self._forget()
        if self._connection is not None:
            self._desk.connections.answered(self._connection, good=self.get_status() == HTTPStatus.OK)

    def on_connection_close(self) -> None:
        """Discard an incomplete body."""
        self._forget()

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Answer errors of the server itself: 405, and 500 after a bug."""
        self._answer(HTTPStatus(status_code), HTTPStatus(status_code).phrase.lower())

    def _admitted(self) -> None:
        """Record that the headers were accepted, and whether they show the secret."""
        if self._connection is None:
            return
        if self._desk.secret and self._desk.secret.key is None:
            self._desk.connections.prove(self._connection)
        else:
            self._connection.drop = self._forget

    def _opened(self) -> Body:
        headers = self.request.headers
        if not self._desk.secret and self._desk.address.is_loopback:
            refuse_browsers(headers, self._desk.address)
        if not self._desk.secret.admits(headers.get("Authorization")):
            self._desk.strangers.note(self.request.remote_ip or "?", "token")
            raise Rejected(HTTPStatus.UNAUTHORIZED, "the right bearer token is needed")
        if self._desk.secret.key is not None and self._desk.secret.header not in headers:
            raise self._unsigned()
        if media_type(headers.get("Content-Type", "")) not in self._desk.form.types:
            text = f"the content type has to be {' or '.join(self._desk.form.types)}"
            raise Rejected(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
        length = headers.get("Content-Length", "")
        if length.isdigit() and int(length) > self._desk.limits.body:
            raise too_large(self._desk.limits.body)
        return Body(headers.get("Content-Encoding", ""), self._desk.limits.body, self._hold, self._desk.inbox.release)

    def _hold(self, size: int) -> bool:
        """Reserve memory for *size* bytes, for which older requests without the secret may have to go."""
        while not self._desk.inbox.hold(size):
            if not self._desk.connections.free_memory(self._connection):
                return False
        return True

    def _read(self, body: bytes) -> bytes:
        headers = self.request.headers
        if not self._desk.secret.signs(body, headers.get(self._desk.secret.header)):
            raise self._unsigned()
        if self._desk.wrapped is not None:
            self._raws = self._desk.wrapped.records(body)
        return body if self._raws is not None else self._desk.form.read(headers, body)

    def _unsigned(self) -> Rejected:
        self._desk.strangers.note(self.request.remote_ip or "?", "signature")
        return Rejected(HTTPStatus.UNAUTHORIZED, f"{self._desk.secret.header} has to be the signature of the body")

    def _reject(self, rejected: Rejected) -> None:
        self._forget()
        self._rejected = rejected
        self._desk.refusals.turn_away(f"requests answered with {rejected.status:d}")
        if rejected.cause:
            self._desk.refusals.add(rejected.cause, f"a request from {self.request.remote_ip}")
        if self.request.headers.get("Expect", "").lower() == "100-continue":
            self._answer_rejected()  # the sender waits for this before it sends the body

    def _answer_rejected(self) -> None:
        assert self._rejected is not None
        if not self._finished:
            self._answer(self._rejected.status, str(self._rejected))

    def _answer(self, status: HTTPStatus, text: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        if status is HTTPStatus.UNAUTHORIZED and self._desk.secret.token is not None:
            self.set_header("WWW-Authenticate", "Bearer")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", "POST")
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            self.set_header("Retry-After", str(RETRY_AFTER))
        body = msgspec.json.encode({"message": text}) + b"\n"
        if status in _STRANGERS:
            finish_and_close(self, body)
        else:
            self.finish(body)

    async def _stored(self, body: bytes) -> bool:
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[bool] = loop.create_future()

        def settle(result: bool) -> None:
            if not stored.done():
                stored.set_result(result)

        raws, self._raws = self._raws, None
        delivery = Delivery(body, lambda result: loop.call_soon_threadsafe(settle, result), raws)  # type: ignore[arg-type]
        if not self._desk.inbox.give(delivery):
            self._desk.inbox.release(len(body))
            return False
        try:
            return await asyncio.wait_for(stored, self._desk.limits.store_time)
        except TimeoutError:
            return False

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.drop = None
        if self._body is not None:
            self._body.drop()
            self._body = None
