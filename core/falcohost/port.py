"""Ports: the way from a lookup to what it asks outside of its process: typed questions go out, answers come back.

A port never makes its user wait. Which side of a process boundary the answers come from is not the user's matter:
:class:`LocalPort` asks a function in this process, :class:`SocketPort` whoever serves the other end of a socket
(:func:`serve`). Questions and answers are ``msgspec.Struct`` types; both kinds of port behave alike.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import msgspec

__all__ = ["LocalPort", "Port", "PortClosed", "SocketPort", "serve"]

_Asks = TypeVar("_Asks", contravariant=True)
_Answers = TypeVar("_Answers", covariant=True)
_Q = TypeVar("_Q")
_A = TypeVar("_A")

#: No question or answer is larger; what is ends the connection.
_MOST_BYTES = 1 << 20

#: So many questions may be on their way.
MOST_ASKED = 1024

_LENGTH = struct.Struct("<I")


class PortClosed(Exception):
    """The other side of a port is gone, or has sent what is no answer."""


class Port(Protocol[_Asks, _Answers]):
    """Takes questions and brings answers, in the order in which they come."""

    def ask(self, question: _Asks) -> bool:
        """Send *question*; return False if too many are on their way, so that it has to be asked again later.

        :raises PortClosed: the other side is gone.
        """

    def answers(self) -> Iterable[_Answers]:
        """Return the answers that have come since the last call, without waiting.

        :raises PortClosed: the other side is gone, or has sent what is no answer.
        """

    def close(self) -> None:
        """Release everything."""


class LocalPort(Generic[_Q, _A]):
    """A port to a function of this process, which must not wait for anything: it is called by :meth:`answers`."""

    def __init__(self, answer: Callable[[_Q], _A]) -> None:
        self._answer = answer
        self._asked: deque[_Q] = deque()
        self._is_closed = False

    def ask(self, question: _Q) -> bool:
        """Keep *question* until the answers are called for."""
        self._check()
        if len(self._asked) >= MOST_ASKED:
            return False
        self._asked.append(question)
        return True

    def answers(self) -> list[_A]:
        """Return the answers to what was asked since the last call."""
        self._check()
        asked = list(self._asked)
        self._asked.clear()
        return [self._answer(question) for question in asked]

    def close(self) -> None:
        """Forget what was asked."""
        self._is_closed = True

    def _check(self) -> None:
        if self._is_closed:
            raise PortClosed("the port is closed")


class SocketPort(Generic[_Q, _A]):
    """A port to another process: one end of a connected stream socket, which is the port's from now on.

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
        """Send *question*, or what of it fits into the socket; the rest goes with the next call of any method."""
        if self._under_way >= MOST_ASKED:
            return False
        self._under_way += 1
        self._outgoing += _framed(question)
        self._send()
        return True

    def answers(self) -> list[_A]:
        """Return the answers that have come since the last call."""
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
            raise PortClosed(f"the port brings no answers: {error}") from error
        self._under_way -= len(found)
        return found

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
            raise PortClosed(f"the port takes no questions: {error}") from error


def serve(link: socket.socket, kind: type[_Q], answer: Callable[[_Q], Any]) -> None:
    """Answer what comes over *link*, one question after the other, until the other side is gone.

    :param kind: the type of the questions. What is none ends the service.
    """
    decoder, incoming = msgspec.msgpack.Decoder(kind), _Frames()
    with link, contextlib.suppress(OSError, ValueError):
        while data := link.recv(1 << 16):
            for frame in incoming.feed(data):
                link.sendall(_framed(answer(decoder.decode(frame))))


class _Frames:
    """Puts messages together from what arrives in pieces."""

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
