"""How messages get to a syslog: the socket of this machine's daemon, UDP, or TCP."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from falcohost.errors import OutputError
from falcohost.outputs.syslog_address import LOCAL, Address

#: Seconds for a connection, and for a message to be taken.
PATIENCE: Final = 10.0


class Transport(Protocol):
    """Sends messages. Connects when it has to."""

    def connect(self) -> None:
        """Make the connection, if there is none.

        :raises OutputError: that is impossible now.
        """

    def send(self, messages: Sequence[bytes]) -> None:
        """Send *messages* in their order.

        :raises OutputError: not all of them were taken.
        """

    def close(self) -> None:
        """Close the connection."""


def reason(error: OSError) -> str:
    """Return *error* in words."""
    return error.strerror or str(error)


class Connection:
    """A connection to *place* that *make* makes when it is needed; it is closed after an error."""

    def __init__(
        self, place: str, make: Callable[[], socket.socket], reason: Callable[[OSError], str] = reason
    ) -> None:
        self._place = place
        self._reason = reason
        self._make = make
        self._link: socket.socket | None = None

    def get(self) -> socket.socket:
        """Return the connection; make it if there is none.

        :raises OSError: that is impossible now.
        """
        if self._link is None:
            self._link = self._make()
        return self._link

    @contextlib.contextmanager
    def failures(self) -> Iterator[None]:
        """Raise errors as :class:`OutputError`, and close the connection then."""
        try:
            yield
        except OSError as error:  # also one of TLS or of name servers
            self.close()
            raise OutputError(f"cannot send to syslog at {self._place}: {self._reason(error)}") from error

    def close(self) -> None:
        """Close the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None


class Local:
    """The daemon of this machine, at *path*. A daemon that was restarted is found again."""

    def __init__(self, path: str = LOCAL) -> None:
        self._path = path
        self._connection = Connection(path, self._made)

    def connect(self) -> None:
        """Make the connection, if there is none."""
        with self._connection.failures():
            self._connection.get()

    def send(self, messages: Sequence[bytes]) -> None:
        """Send a datagram per message; over a stream, a message up to each zero, as syslog(3) does."""
        with self._connection.failures():
            for message in messages:
                try:
                    self._send(message)
                except ConnectionError:  # the daemon was restarted
                    self._connection.close()
                    self._send(message)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(self, message: bytes) -> None:
        link = self._connection.get()
        link.sendall(message if link.type == socket.SOCK_DGRAM else message + b"\0")

    def _made(self) -> socket.socket:
        try:
            return _connected(socket.SOCK_DGRAM, self._path)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
            return _connected(socket.SOCK_STREAM, self._path)


class Udp:
    """A server that takes a message per datagram, and never says that it has.

    That nobody listens is heard of a datagram that was sent before: at once on this machine, later from others.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection = Connection(str(address), self._made)

    def connect(self) -> None:
        """Look up the server."""
        with self._connection.failures():
            self._connection.get()

    def send(self, messages: Sequence[bytes]) -> None:
        """Send a datagram per message."""
        with self._connection.failures():
            for message in messages:
                link = self._connection.get()
                link.send(message)
                if number := link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(number, os.strerror(number))

    def close(self) -> None:
        """Close the socket."""
        self._connection.close()

    def _made(self) -> socket.socket:
        host, port = self._address.host, self._address.port
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        link = socket.socket(family, kind, protocol)
        link.settimeout(PATIENCE)
        try:
            link.connect(where)
        except OSError:
            link.close()
            raise
        return link


class Stream:
    """A server that takes messages over TCP.

    It does not say what it has taken: what was on its way when a connection broke may be lost, or arrive twice.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._connection = Connection(str(address), self.made, self.reason)

    def connect(self) -> None:
        """Connect to the server."""
        with self._connection.failures():
            self._connection.get()

    def send(self, messages: Sequence[bytes]) -> None:
        """Send *messages*, over a new connection if the server has closed the former one."""
        with self._connection.failures():
            if self._is_closed(self._connection.get()):
                self._connection.close()
            self._connection.get().sendall(b"".join(messages))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def made(self) -> socket.socket:
        """Return a new connection.

        :raises OSError: that is impossible now.
        """
        link = socket.create_connection((self.address.host, self.address.port), PATIENCE)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return link

    def has_ended(self, link: socket.socket) -> bool:
        """Return whether the server has closed the connection, which does not wait for data."""
        try:
            return not link.recv(4096)  # servers of syslog send nothing
        except BlockingIOError:
            return False

    def reason(self, error: OSError) -> str:
        """Return *error* in words."""
        return reason(error)

    def _is_closed(self, link: socket.socket) -> bool:
        link.settimeout(0.0)
        try:
            return self.has_ended(link)
        finally:
            link.settimeout(PATIENCE)


def _connected(kind: socket.SocketKind, path: str) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, kind)
    link.settimeout(PATIENCE)
    try:
        link.connect(path)
    except OSError:
        link.close()
        raise
    return link
