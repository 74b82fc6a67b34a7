"""What a worker and the supervisor say to each other: MessagePack, each message behind its length, on a socket pair.

Up come ready, listening sockets, alerts, numbers, log lines and the end; down go acknowledgements, new rules and
whether to measure. Telling a worker to stop is a signal's work.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from falcohost.alert import Alert
from falcohost.host.numbers import Numbers

T = TypeVar("T")

#: No message is larger; an alert's texts are bounded where they are made.
MAX_MESSAGE = 64 * 1024 * 1024

_LENGTH = struct.Struct("<I")


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The source is open and its privileges are dropped."""


class Listening(msgspec.Struct, tag=True, frozen=True):
    """The listening sockets that come with this message: *counts* of them by the name of what they listen on."""

    counts: dict[str, int]


class Alerts(msgspec.Struct, tag=True, frozen=True):
    """Alerts, in order, and the cursor that is true once they are stored (None: no new one).

    *rewinds*: their source has cursors, so that the same events may come again.
    """

    alerts: list[Alert]
    cursor: str | None = None
    rewinds: bool = False


class Report(msgspec.Struct, tag=True, frozen=True):
    """The numbers since this worker opened its source, and when they were taken, on the monotonic clock.

    *measuring*: costs are measured, or never will be.
    """

    numbers: Numbers
    at: float = 0.0
    measuring: bool = False


class LogLine(msgspec.Struct, tag=True, frozen=True):
    """A message for the log, with its level in the numbers of :mod:`logging`."""

    level: int
    text: str


class Ended(msgspec.Struct, tag=True, frozen=True):
    """The source has ended, or the worker was told to stop (*asked*); the last message."""

    asked: bool = False


class Failed(msgspec.Struct, tag=True, frozen=True):
    """The source failed with this error; the last message. *trace* is there where it is a bug."""

    error: str
    trace: str = ""


class Ack(msgspec.Struct, tag=True, frozen=True):
    """All alerts up to *cursor* are where they have to be."""

    cursor: str


class NewRules(msgspec.Struct, tag=True, frozen=True):
    """The rules from now on, as :mod:`falcohost.host.reload` writes them; *number* tells one such message from another.

    *first*: only the first that an event matches counts.
    """

    number: int
    rules: bytes
    first: bool


class Measure(msgspec.Struct, tag=True, frozen=True):
    """Measure what events cost, or no longer."""

    on: bool


class RulesTaken(msgspec.Struct, tag=True, frozen=True):
    """The worker has gone over to the rules of that *number*, or, with an *error*, stayed with those it had."""

    number: int
    error: str = ""


Up: TypeAlias = Ready | Listening | Alerts | Report | LogLine | RulesTaken | Ended | Failed
Down: TypeAlias = Ack | NewRules | Measure

_encoder = msgspec.msgpack.Encoder()


def packed(message: Up | Down) -> bytes:
    """Return *message* as it is sent."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def send(link: socket.socket, message: Up) -> None:
    """Send *message*; blocks while the other side does not read.

    :raises OSError: the other side is gone.
    """
    link.sendall(packed(message))


class Received(Generic[T]):
    """Puts messages together from what arrives in pieces.

    :param kinds: the messages that may come: :data:`Up` or :data:`Down`.
    """

    def __init__(self, kinds: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kinds)
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> list[T]:
        """Return the messages that *data* completes.

        :raises ValueError: what came is no message.
        """
        rest = self._buffer
        rest += data
        with memoryview(rest) as view:
            messages, end = self._whole(view)
        del rest[:end]
        return messages

    def _whole(self, view: memoryview) -> tuple[list[T], int]:
        """Return the messages that are in *view* as a whole, and where the last of them ends."""
        messages: list[T] = []
        at = 0
        while len(view) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(view, at)
            if length > MAX_MESSAGE:
                raise ValueError(f"a message of {length} bytes")
            end = at + _LENGTH.size + length
            if len(view) < end:
                break
            messages.append(self._decoder.decode(view[at + _LENGTH.size : end]))
            at = end
        return messages, at
