"""Handles one request: authenticates the sender, reads the body, and answers once the alerts are stored.

The body of a refused request is read and discarded, so that the sender gets the answer instead of a broken connection;
only a very large body is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from http import HTTPStatus

from falcohost.jsonlog.refusals import Refusals
from falcohost.log import log
from falcohost.web import answers
from falcohost.web.address import Address
from falcohost.web.body import Body, Rejected, too_large
from falcohost.web.browsers import media_type, refuse_browsers
from falcohost.web.connections import Connections
from falcohost.web.form import Form, check_records
from falcohost.web.inbox import TOGETHER, Delivery, Inbox
from falcohost.web.limits import WebLimits
from falcohost.web.request_head import Head
from falcohost.web.secret import Secret
from falcohost.web.serving import Link

#: A refused body is read to its end if it is at most this many times the size limit.
_THROWN_AWAY = 4

#: First bytes of objects and arrays.
_BEGINNINGS = (b"{", b"[")

#: Answers to those who are not to send; each costs them a connection.
_STRANGERS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
)


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


class WebhookRequest:
    """One request with *head*, which brings records by POST; *link* is its connection.

    :ivar waits: it is complete, and waits to be stored.
    """

    def __init__(self, path: str, desk: Desk, link: Link, head: Head) -> None:
        self._path = path
        self._desk = desk
        self._link = link
        self._head = head
        self._body: Body | None = None
        self._rejected: Rejected | None = None
        self._thrown_away = 0
        self._finished = False
        self._unchecked = self._refused = False
        self.waits = False

    def begin(self) -> None:
        """Check the headers before the body is read."""
        if self._head.path != self._path:
            self._answer(HTTPStatus.NOT_FOUND, "nothing is served here")
            return
        if self._head.method != "POST":
            return  # 405, when its body is read
        try:
            self._body = self._opened()
        except Rejected as rejected:
            self._reject(rejected)
            return
        self._admitted()
        if self._waits_for_word():
            self._link.go_ahead()

    def add(self, chunk: bytes) -> None:
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
        loop = asyncio.get_running_loop()
        if self._body is None:
            # Others have their turn before the next request in this connection's buffer.
            loop.call_soon(self._answer_rejected)
            return
        try:
            body = self._body.whole(self._read)
        except Rejected as rejected:
            self._reject(rejected)
            loop.call_soon(self._answer_rejected)
            return
        self._body = None
        one = self._link.one
        one.drop = None
        one.waits = self.waits = True
        if self._desk.secret:
            self._desk.connections.prove(one)
        self._link.wait(self)
        accept = functools.partial(self._accept, body, loop) if self._unchecked else None
        if not self._desk.inbox.give(Delivery(body, self._told, accept)):
            self._desk.inbox.release(len(body))
            loop.call_soon(self.settle, False)

    def settle(self, stored: bool) -> None:
        """Answer whether the alerts are *stored*."""
        if stored:
            self._answer(HTTPStatus.OK, answers.STORED)
        else:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, answers.NOT_STORED)

    def over(self) -> None:
        """Discard an incomplete body; the request is answered, or its connection closed."""
        self._finished = True
        self.waits = False
        self._forget()

    def _told(self, stored: bool) -> None:
        """Hear, in the thread that matches, whether the alerts are *stored*."""
        if not self._refused:
            self._link.settle(self, stored)

    def _accept(self, body: bytes, loop: asyncio.AbstractEventLoop) -> bool:
        """Return, in the thread that matches, whether *body* contains records; if not, the sender will be told."""
        try:
            check_records(body)
        except Rejected as rejected:
            self._refused = True
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._refuse, rejected)
            return False
        return True

    def _refuse(self, rejected: Rejected) -> None:
        """Answer that the body is refused, unless the sender has been told to send it again, or is gone."""
        if not self._finished:
            self._reject(rejected)
            self._answer_rejected()

    def _admitted(self) -> None:
        """Record that the headers were accepted, and whether they show the secret."""
        if self._desk.secret and self._desk.secret.key is None:
            self._desk.connections.prove(self._link.one)
        else:
            self._link.one.drop = self._forget

    def _waits_for_word(self) -> bool:
        """Return whether the sender sends the body only when it is told to."""
        return self._head.headers.get("Expect", "").lower() == "100-continue"

    def _opened(self) -> Body:
        headers = self._head.headers
        if not self._desk.secret and self._desk.address.is_loopback:
            refuse_browsers(headers, self._desk.address)
        if not self._desk.secret.admits(headers.get("Authorization")):
            self._desk.strangers.note(self._link.peer, "token")
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
            if not self._desk.connections.free_memory(self._link.one):
                return False
        return True

    def _read(self, body: bytes) -> bytes:
        headers = self._head.headers
        if not self._desk.secret.signs(body, headers.get(self._desk.secret.header)):
            raise self._unsigned()
        if self._desk.form.read is not None:
            return self._desk.form.read(headers, body)
        # Whether a body that looks like JSON is valid is seen when its records are decoded. What is neither small nor
        # valid takes seconds to be checked, in which nothing would be matched.
        self._unchecked = body[:1] in _BEGINNINGS and len(body) <= TOGETHER
        if not self._unchecked:
            check_records(body)
        return body

    def _unsigned(self) -> Rejected:
        self._desk.strangers.note(self._link.peer, "signature")
        return Rejected(HTTPStatus.UNAUTHORIZED, f"{self._desk.secret.header} has to be the signature of the body")

    def _reject(self, rejected: Rejected) -> None:
        self._forget()
        # As it was raised, it would keep what its callers were reading, until the garbage is collected.
        self._rejected = Rejected(rejected.status, str(rejected))
        self._desk.refusals.turn_away(f"requests answered with {rejected.status:d}")
        if rejected.cause:
            self._desk.refusals.add(rejected.cause, f"a request from {self._link.peer}")
        if self._waits_for_word():
            self._answer_rejected()

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
        self.over()
        # A request of a stranger costs a connection, and further ones in its buffer are not read.
        closes = status in _STRANGERS or not self._link.stays
        bearer = status is HTTPStatus.UNAUTHORIZED and self._desk.secret.token is not None
        has_body = self._head.method != "HEAD"
        data = answers.answer(status, text, closes=closes, bearer=bearer, has_body=has_body)
        self._link.answer(data, closes=closes, good=status is HTTPStatus.OK)

    def _forget(self) -> None:
        self._link.one.drop = None
        if self._body is not None:
            self._body.drop()
            self._body = None
