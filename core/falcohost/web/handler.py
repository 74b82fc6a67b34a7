"""Handles one request: authenticates the sender, reads the body, and answers once the alerts are stored.

The body of a refused request is read and discarded, so that the sender gets the answer instead of a broken connection;
only a very large body is cut off.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import msgspec
from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
    format_timestamp,
)

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
_STRANGERS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
)

#: What is said of requests that are not refused.
_STORED: Final = "stored"
_NOT_STORED: Final = "not stored yet; send it again (duplicates are ignored)"


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


class Entrance(HTTPServerConnectionDelegate):
    """Serves requests to *path*; those to others are refused."""

    def __init__(self, path: str, desk: Desk) -> None:
        self._path = path
        self._desk = desk

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> WebhookRequest:
        """Return what handles the next request of a connection."""
        assert isinstance(request_conn, HTTP1Connection)
        return WebhookRequest(self._path, self._desk, request_conn)


class WebhookRequest(HTTPMessageDelegate):
    """One request, which brings records by POST.

    It is called by the connection itself: the classes of tornado.web would take twice as long for a request.
    """

    request: HTTPServerRequest

    def __init__(self, path: str, desk: Desk, link: HTTP1Connection) -> None:
        self._path = path
        self._desk = desk
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._body: Body | None = None
        self._rejected: Rejected | None = None
        self._thrown_away = 0
        self._raws: list[msgspec.Raw] | None = None
        self._finished = self._good = False
        self._too_late: asyncio.TimerHandle | None = None

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        """Check the headers before reading the body.

        :raises HTTPInputError: they are not HTTP's.
        """
        assert isinstance(start_line, RequestStartLine)
        self.request = HTTPServerRequest(connection=self._link, start_line=start_line, headers=headers)
        self._link.set_close_callback(self.on_connection_close)
        if self.request.path != self._path:
            self._answer(HTTPStatus.NOT_FOUND, "nothing is served here")
            return
        if self.request.method != "POST":
            return  # 405, when its body is read
        self._link.set_max_body_size(1 << 62)  # data_received() limits it, to send an answer of ours
        self._connection = self._desk.connections.of(self._link.stream)
        try:
            self._body = self._opened()
        except Rejected as rejected:
            self._reject(rejected)
        else:
            self._admitted()

    def data_received(self, chunk: bytes) -> None:
        """Add a part of the body."""
        if self._body is None:
            self._thrown_away += len(chunk)
            if self._thrown_away > _THROWN_AWAY * self._desk.limits.body and not self._finished:
                self._answer_rejected()
            return
        try:
            self._body.add(chunk)
        except Rejected as rejected:
            self._reject(rejected)

    def finish(self) -> None:
        """Pass the body on, and answer when its alerts are stored."""
        if self._body is None:
            # Others have their turn before the next request in this connection's buffer.
            self._loop.call_soon(self._answer_rejected)
            return
        try:
            body = self._body.whole(self._read)
        except Rejected as rejected:
            self._reject(rejected)
            self._loop.call_soon(self._answer_rejected)
            return
        self._body = None
        if self._connection is not None:
            self._connection.drop = None
            self._connection.waits = True
            if self._desk.secret:
                self._desk.connections.prove(self._connection)
        self._hand_over(body)

    def on_connection_close(self) -> None:
        """Discard an incomplete body."""
        self._forget()

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
        if self._finished:
            return
        if self._rejected is None:
            status = HTTPStatus.METHOD_NOT_ALLOWED
            self._answer(status, status.phrase.lower())
        else:
            self._answer(self._rejected.status, str(self._rejected))

    def _answer(self, status: HTTPStatus, text: str) -> None:
        if self._finished:
            return
        self._finished = True
        self._forget()
        body = _message(text)
        headers = HTTPHeaders()
        headers["Content-Type"] = "application/json"
        headers["Content-Length"] = str(len(body))
        headers["Date"] = _date(int(time.time()))
        if status is HTTPStatus.UNAUTHORIZED and self._desk.secret.token is not None:
            headers["WWW-Authenticate"] = "Bearer"
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "POST"
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(RETRY_AFTER)
        if status in _STRANGERS:
            headers["Connection"] = "close"
        stream = self._link.stream
        sent = self._link.write_headers(ResponseStartLine("", status, status.phrase), headers, self._content(body))
        self._link.finish()
        if status in _STRANGERS:
            # Each such request costs a connection, and further ones in its buffer are not read.
            if stream.writing():
                sent.add_done_callback(lambda _: stream.close())
            else:
                stream.close()
        if self._connection is not None:
            self._desk.connections.answered(self._connection, good=status is HTTPStatus.OK)

    def _content(self, body: bytes) -> bytes | None:
        """Return what is sent of *body*: nothing if only the headers were asked for."""
        return None if self.request.method == "HEAD" else body

    def _hand_over(self, body: bytes) -> None:
        raws, self._raws = self._raws, None
        loop, settle = self._loop, self._settle
        if self._desk.inbox.give(Delivery(body, lambda stored: _tell(loop, settle, stored), raws)):
            self._too_late = loop.call_later(self._desk.limits.store_time, settle, False)
            return
        self._desk.inbox.release(len(body))
        loop.call_soon(settle, False)

    def _settle(self, stored: bool) -> None:
        """Answer whether the alerts are *stored*."""
        if self._too_late is not None:
            self._too_late.cancel()
        if stored:
            self._answer(HTTPStatus.OK, _STORED)
        else:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, _NOT_STORED)

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.drop = None
        if self._body is not None:
            self._body.drop()
            self._body = None


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[[bool], None], stored: bool) -> None:
    loop.call_soon_threadsafe(settle, stored)


@functools.lru_cache(maxsize=16)
def _message(text: str) -> bytes:
    return msgspec.json.encode({"message": text}) + b"\n"


@functools.lru_cache(maxsize=1)
def _date(second: int) -> str:
    return format_timestamp(second)
