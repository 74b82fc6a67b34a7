"""The input of a JSON log that receives webhooks."""

from __future__ import annotations

import errno
import functools
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from falcohost.errors import AddressTaken, SourceError
from falcohost.installing import how_to_install
from falcohost.jsonlog.inputs import Limits, Origin, Texts
from falcohost.jsonlog.refusals import Refusals
from falcohost.listening import listening_sockets
from falcohost.log import log
from falcohost.needs import LISTEN, THREADS, Needs
from falcohost.web.address import Address
from falcohost.web.form import Form
from falcohost.web.freed import Freed
from falcohost.web.inbox import Answer, Delivery, Inbox
from falcohost.web.limits import WebLimits
from falcohost.web.secret import Secret
from falcohost.web.tls import server_context

if TYPE_CHECKING:
    from falcohost.web.server import Server

#: Most connections that wait to be accepted.
BACKLOG = 1024

#: Descriptors that a worker needs in addition to those of its connections.
_OTHERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """The address to listen on, and how senders authenticate.

    :ivar plugin: the plugin that listens; ``falcohost[PLUGIN]`` installs what it needs.
    :ivar certificate: file with certificate and key of an HTTPS address.
    :ivar key: file with the key, if it is separate.
    :ivar files: files with secrets that were read to make this object.
    :ivar form: the format of requests.
    :ivar open_to_all: senders need no secret, because the user has enabled the setting *opens*.
    :ivar asks: the settings that define a secret, for messages.
    """

    plugin: str
    address: Address
    secret: Secret
    certificate: Path | None = None
    key: Path | None = None
    files: tuple[Path, ...] = ()
    form: Form = field(default_factory=Form)
    open_to_all: bool = False
    opens: str
    asks: str
    limits: WebLimits = field(default_factory=WebLimits)


def secret_files(listener: Listener | None) -> list[Path]:
    """Return the files with certificates and secrets of *listener*; empty if it is None.

    :raises SourceError: one of them cannot be used.
    """
    if listener is None:
        return []
    _tls(listener)
    files = (*listener.files, listener.certificate, listener.key, listener.secret.client_ca)
    return [file for file in files if file is not None]


def _tls(listener: Listener) -> ssl.SSLContext | None:
    if not listener.address.tls:
        return None
    assert listener.certificate is not None
    return server_context(listener.certificate, listener.key, listener.secret.client_ca, listener.plugin)


class WebhookInput:
    """Delivers the bodies of requests to *listener*; *limits* apply to their records.

    :param origin: determines the keys of events; default: their content.
    """

    def __init__(self, listener: Listener, limits: Limits, origin: Origin | None = None) -> None:
        self._listener = listener
        self._origin = origin or Origin(str(listener.address), "webhook", by_content=True)
        self._limits = limits
        self._inbox = Inbox(max(listener.limits.held, 4 * listener.limits.body), listener.limits.waiting)
        self._server: Server | None = None

    @property
    def limits(self) -> Limits:
        """Limits on the size of texts."""
        return self._limits

    @property
    def done(self) -> float | None:
        """Return None: it never ends."""
        return None

    @property
    def needs(self) -> Needs:
        """Return that it accepts connections, which threads serve."""
        return Needs(frozenset({LISTEN, THREADS}))

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Bind the address, and read files that need root.

        :raises SourceError: that fails, or senders need no secret and the user has not explicitly allowed that.
        """
        listener = self._listener
        _admit(listener)
        try:
            from falcohost.web.connections import Connections
            from falcohost.web.handler import Desk
            from falcohost.web.server import Server
        except ModuleNotFoundError as error:
            mend = how_to_install(listener.plugin)
            raise SourceError(f"{listener.plugin}: a listener needs {error.name}; install it with {mend}") from error
        tls = _tls(listener)
        limits = _within_open_files(listener)
        sockets = listening_sockets(str(listener.address), lambda: _bound(listener))
        connections = Connections(listener.plugin, limits, refusals, reserves=bool(listener.secret))
        desk = Desk(self._inbox, listener.address, listener.secret, listener.form, limits, refusals, connections)
        self._server = Server(sockets, listener.address.path, tls, desk)
        log.info("%s: listening on %s", listener.plugin, listener.address)

    def texts(self) -> Iterator[Texts]:
        """Yield the bodies; while there are none, empty texts.

        :raises SourceError: the server has ended, which is a bug.
        """
        assert self._server is not None
        self._server.start()
        freed = Freed()
        while self._server.runs:
            found, cursor = self._inbox.take()
            if found:
                freed.used()
            else:
                freed.idle()
            items = [(0, one.body) for one in found]
            yield Texts(self._origin, items, cursor, accepts=functools.partial(_accepts, found), fleeting=True)
        raise SourceError(f"{self._listener.plugin}: the server on {self._listener.address} has ended")

    def give(self, text: bytes, answer: Answer) -> bool:
        """Add *text* as if it had been sent, from any thread; return False if there is not enough memory."""
        if not self._inbox.hold(len(text)):
            return False
        if self._inbox.give(Delivery(text, answer)):
            return True
        self._inbox.release(len(text))
        return False

    def stored_at(self, descriptor: Callable[[], int | None]) -> None:
        """End a wait when what *descriptor* returns is readable, since requests may be stored then."""
        self._inbox.stored_at(descriptor)

    def ack(self, cursor: str) -> None:
        """Answer the requests up to *cursor*."""
        self._inbox.ack(cursor)

    def close(self) -> None:
        """Answer all waiting requests, and stop listening."""
        self._inbox.close()
        if self._server is not None:
            self._server.close()
            self._server = None


def _admit(listener: Listener) -> None:
    """Refuse insecure settings that were not chosen explicitly, and warn about unusual ones."""
    plugin, address = listener.plugin, listener.address
    if listener.secret.client_ca is not None and not address.tls:
        raise SourceError(f"{plugin}: client certificates need https://, but open_params is {address}")
    if not listener.secret and not listener.open_to_all:
        if not address.is_loopback:
            raise SourceError(
                f"{plugin}: {address} can be reached from other machines, so senders need a secret: set "
                f"{listener.asks}. If anybody may send events, set {listener.opens}"
            )
        log.warning("%s: every user of this machine can send events to %s: no secret is set", plugin, address)
    if not address.given:
        log.warning("%s: open_params has no host, so only this machine can send events: %s", plugin, address)
    if listener.secret.token is not None and not address.tls and not address.is_loopback:
        log.warning("%s: senders send the token to %s unencrypted; use https://", plugin, address)


def _bound(listener: Listener) -> list[socket.socket]:
    """Return listening sockets, one for each address of the host.

    :raises AddressTaken: an address is in use.
    :raises SourceError: listening fails for another reason.
    """
    address = listener.address
    bound: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, where in dict.fromkeys((entry[0], entry[4]) for entry in found):
            both = address.host == "::" and socket.has_dualstack_ipv6()
            made = socket.create_server(where, family=family, backlog=BACKLOG, dualstack_ipv6=both)
            made.setblocking(False)
            bound.append(made)
    except OSError as error:
        for made in bound:
            made.close()
        text = f"{listener.plugin}: cannot listen on {address}: {error.strerror or error}"
        if error.errno == errno.EADDRINUSE:
            also = "another program uses the port, perhaps another falcohost"
            raise AddressTaken(f"{text}; {also}", address.port) from error
        raise SourceError(text) from error
    return bound


def _within_open_files(listener: Listener) -> WebLimits:
    """Raise the limit of open files to what the connections need, as far as permitted; return what is possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = listener.limits
    wanted = limits.connections + _OTHERS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    log.warning(
        "%s: at most %d connections, since a process may have %d files open (RLIMIT_NOFILE, LimitNOFILE= of systemd)",
        listener.plugin, max(1, soft - _OTHERS), soft,
    )  # fmt: skip
    return replace(limits, connections=max(1, soft - _OTHERS))


def _accepts(found: list[Delivery], place: int) -> bool:
    accept = found[place].accept
    return accept is None or accept()
