"""Ports: how a lookup asks something outside its process. Typed questions go out, answers come back.

A port never blocks its user. :class:`LocalPort` asks a function in this process, :class:`SocketPort` asks the process
that serves the other end of a socket (:func:`serve`); the user need not know which. Questions and answers are
``msgspec.Struct`` types.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import msgspec

__all__ = ["LocalPort", "Port", "PortClosed", "SocketPort", "serve", "serve_late"]

_Asks = TypeVar("_Asks", contravariant=True)
_Answers = TypeVar("_Answers", covariant=True)
_Q = TypeVar("_Q")
_A = TypeVar("_A")

#: Largest question or answer; a larger one ends the connection.
_MOST_BYTES = 1 << 20

#: Maximum number of unanswered questions.
MOST_ASKED = 1024

_LENGTH = struct.Struct("<I")


class PortClosed(Exception):
    """The other side of a port is gone, or has sent something that is not an answer."""


class Port(Protocol[_Asks, _Answers]):
    """Takes questions and returns answers, in the order in which they arrive."""

    def ask(self, question: _Asks) -> bool:
        """Send *question*; return False if too many are unanswered, in which case ask again later.

        :raises PortClosed: the other side is gone.
        """

    def answers(self) -> Iterable[_Answers]:
        """Return the answers that have arrived since the last call, without waiting.

        :raises PortClosed: the other side is gone, or has sent something that is not an answer.
        """

    def fileno(self) -> int | None:
        """Return a descriptor that can be read when answers have come; None: nothing has to be waited for."""

    def close(self) -> None:
        """Release everything."""


class LocalPort(Generic[_Q, _A]):
    """A port to a function in this process. :meth:`answers` calls the function, so it must not block."""

    def __init__(self, answer: Callable[[_Q], _A]) -> None:
        self._answer = answer
        self._asked: deque[_Q] = deque()
        self._is_closed = False

    def ask(self, question: _Q) -> bool:
        """Keep *question* until :meth:`answers` is called."""
        self._check()
        if len(self._asked) >= MOST_ASKED:
            return False
        self._asked.append(question)
        return True

    def answers(self) -> list[_A]:
        """Return the answers to the questions asked since the last call."""
        self._check()
        asked = list(self._asked)
        self._asked.clear()
        return [self._answer(question) for question in asked]

    def fileno(self) -> None:
        """Return None: the answers are there at once."""

    def close(self) -> None:
        """Refuse further calls."""
        self._is_closed = True

    def _check(self) -> None:
        if self._is_closed:
            raise PortClosed("the port is closed")


class SocketPort(Generic[_Q, _A]):
    """A port to another process, over one end of a connected stream socket, which the port then owns.

    :param kind: the type of the answers.
    """

    def __init__(self, link: socket.socket, kind: type[_A]) -> None:
        self._link = link
        self._link.setblocking(False)
        self._outgoing = bytearray()
        self._under_way = 0
        self._incoming = _Frames()
        self._decoder = msgspec.msgpack.Decoder(kind)

    def ask(self, question: _Q) -> bool:
        """Send *question*, or as much of it as the socket takes; the next call of any method sends the rest."""
        if self._under_way >= MOST_ASKED:
            return False
        self._under_way += 1
        self._outgoing += _framed(question)
        self._send()
        return True

    def answers(self) -> list[_A]:
        """Return the answers that have arrived since the last call."""
        self._send()
        found: list[_A] = []
        try:
            while data := self._link.recv(1 << 16):
                found += map(self._decoder.decode, self._incoming.feed(data))
            if not found:
                raise PortClosed("the other side of the port is gone")
        except BlockingIOError:
            pass
        except (OSError, ValueError) as error:
            raise PortClosed(f"cannot read answers from the port: {error}") from error
        self._under_way -= len(found)
        return found

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._link.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._link.close()

    def _send(self) -> None:
        try:
            while self._outgoing:
                del self._outgoing[: self._link.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError as error:
            raise PortClosed(f"cannot send questions to the port: {error}") from error


def serve(link: socket.socket, kind: type[_Q], answer: Callable[[_Q], Any]) -> None:
    """Answer questions that arrive over *link*, one after the other, until the other side is gone.

    :param kind: the type of the questions. Anything else ends the service.
    """
    decoder, incoming = msgspec.msgpack.Decoder(kind), _Frames()
    with link, contextlib.suppress(OSError, ValueError):
        while data := link.recv(1 << 16):
            for frame in incoming.feed(data):
                link.sendall(_framed(answer(decoder.decode(frame))))


def serve_late(link: socket.socket, kind: type[_Q], ask: Callable[[_Q, Callable[[Any], None]], None]) -> None:
    """Take questions that arrive over *link*, until the other side is gone.

    :param kind: the type of the questions. Anything else ends the service.
    :param ask: called with each question, and with a function that takes its answer: once, from any thread.
    """
    decoder, incoming, lock = msgspec.msgpack.Decoder(kind), _Frames(), threading.Lock()

    def answer(message: object) -> None:
        with lock, contextlib.suppress(OSError):
            link.sendall(_framed(message))

    with link, contextlib.suppress(OSError, ValueError):
        while data := link.recv(1 << 16):
            for frame in incoming.feed(data):
                ask(decoder.decode(frame), answer)


class _Frames:
    """Reassembles messages that arrive in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the messages that *data* completes.

        :raises ValueError: one is too large.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > _MOST_BYTES:
                raise ValueError(f"a message of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield frame


def _framed(message: object) -> bytes:
    body = msgspec.msgpack.encode(message)
    if len(body) > _MOST_BYTES:
        raise ValueError(f"a message of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body
