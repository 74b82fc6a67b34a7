"""The messages between a worker and the supervisor: length-prefixed MessagePack on a socket pair.

A worker sends readiness, descriptors to keep, numbers, log lines and its end. The supervisor sends new rules, whether
to measure, and a socket to a new store; it stops a worker with a signal. Alerts go to the store
(:mod:`falcohost.host.data`).
"""

from __future__ import annotations

import functools
import socket
import struct
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec

from falcohost.agent import AgentProcess, Job
from falcohost.engine.texts import valid
from falcohost.handed import MOST_HELD, MOST_KEPT
from falcohost.host.numbers import Numbers
from falcohost.sentinel import Heard
from falcohost.store.admission import Refused, guarded

T = TypeVar("T")

#: Bytes of the largest message.
MAX_MESSAGE = 8 * 1024 * 1024

#: Most characters of a message for the log or of an error, and of a traceback.
MOST_TEXT = 16_384
MOST_TRACE = 65_536

_LENGTH = struct.Struct("<I")

_Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=4096)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MOST_HELD)]


class Ready(msgspec.Struct, tag=True, frozen=True):
    """The source is open and its privileges are dropped."""


class Loaded(msgspec.Struct, tag=True, frozen=True):
    """What the source reads is prepared, and the descriptors are sent: the worker is to be another process."""


class Confined(msgspec.Struct, tag=True, frozen=True):
    """The process is confined to this job."""

    job: Job


class Tampered(msgspec.Struct, tag=True, frozen=True):
    """A loader has found that somebody has changed what it has prepared; *found* says what, and what was done."""

    found: str


class Working(msgspec.Struct, tag=True, frozen=True):
    """From a loader, now and then: it works."""


class Descriptors(msgspec.Struct, tag=True, frozen=True):
    """The descriptors to keep, which are attached to this message and its parts, *counts* for each name.

    *held*: those of further ones, which are to be held, and of which only a loader gets copies.
    """

    counts: Annotated[dict[_Name, _Count], msgspec.Meta(max_length=MOST_KEPT)]
    held: Annotated[dict[_Name, _Count], msgspec.Meta(max_length=MOST_KEPT)] = {}


class LoadAgain(msgspec.Struct, tag=True, frozen=True):
    """Another loader has to prepare everything anew, since this one cannot; *reason* says why."""

    reason: _Name


class Secrets(msgspec.Struct, tag=True, frozen=True):
    """The files with certificates and secrets that the source reads, before it is open."""

    files: list[str]


class Report(msgspec.Struct, tag=True, frozen=True):
    """The numbers since this worker opened its source, and when they were taken, on the monotonic clock.

    *measuring*: costs are being measured, or the source cannot measure them. *of_drops*: fields for an alert about the
    events that were lost since the last report. *heard*: what the source says of its sentinel events.
    """

    numbers: Numbers
    at: float = 0.0
    measuring: bool = False
    of_drops: dict[str, str] = {}
    heard: Heard | None = None


class Undecided(msgspec.Struct, tag=True, frozen=True):
    """A rule could not be decided on this number of *events*, because only the beginning of these *fields* is known."""

    rule: str
    fields: tuple[str, ...]
    events: int


class Captured(msgspec.Struct, tag=True, frozen=True):
    """A capture at *path* has begun, or has *ended*, with *size* bytes; *why*: early, and for what reason.

    An end without a path: none could begin.
    """

    path: str = ""
    size: int = 0
    why: str = ""
    ended: bool = False


class LogLine(msgspec.Struct, tag=True, frozen=True):
    """A message for the log, with its level in the numbers of :mod:`logging`."""

    level: int
    text: str


class Ended(msgspec.Struct, tag=True, frozen=True):
    """The source has ended, or the worker was told to stop (*asked*); the last message.

    *stored*: the store has all of its alerts.
    """

    asked: bool = False
    stored: bool = True


class Failed(msgspec.Struct, tag=True, frozen=True):
    """The source failed with this error; the last message. *trace* is the traceback of an unexpected error.

    *tampered*: somebody has changed what it has in the kernel. *killed*: somebody has ended what it needs, so that the
    next worker need not wait.
    """

    error: str
    trace: str = ""
    tampered: bool = False
    killed: bool = False


class NewStore(msgspec.Struct, tag=True, frozen=True):
    """The former store is gone; the socket to the new one is attached."""


class NewActions(msgspec.Struct, tag=True, frozen=True):
    """Actions are asked for over the socket that is attached."""


class NewRules(msgspec.Struct, tag=True, frozen=True):
    """New rules, in the memfd that is attached (:mod:`falcohost.host.worker_data`); *number* identifies the reload."""

    number: int


class Measure(msgspec.Struct, tag=True, frozen=True):
    """Start or stop measuring what events cost."""

    on: bool


class Processes(msgspec.Struct, tag=True, frozen=True):
    """The processes that the agent has now."""

    processes: tuple[AgentProcess, ...]


class RulesTaken(msgspec.Struct, tag=True, frozen=True):
    """The worker has switched to the rules with this *number*, or, if there is an *error*, kept its former rules.

    *renew*: these rules need what the worker may no longer do; a new one is to take them.
    """

    number: int
    error: str = ""
    renew: bool = False


#: What workers and loaders say, and what they are told.
OfLoaders: TypeAlias = Loaded | LoadAgain | Tampered | Working
OfWorkers: TypeAlias = Ready | Secrets | Report | Undecided | Captured | Ended
Up: TypeAlias = OfLoaders | OfWorkers | Confined | Descriptors | LogLine | RulesTaken | Failed
Down: TypeAlias = NewStore | NewActions | NewRules | Measure | Processes

_encoder = msgspec.msgpack.Encoder()


def packed(message: msgspec.Struct) -> bytes:
    """Return *message* encoded for the socket."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def shortened(text: str, most: int) -> str:
    """Return *text* valid and with no more than *most* characters: its end, which says most of a traceback."""
    return valid(text if len(text) <= most else f"…{text[1 - most :]}")


def send(link: socket.socket, message: msgspec.Struct) -> None:
    """Send *message*; blocks while the other side does not read.

    :raises OSError: the other side is gone.
    """
    link.sendall(packed(message))


@functools.cache
def decoder(kinds: Any) -> msgspec.msgpack.Decoder[Any]:
    """Return the decoder of these messages. Who forks others makes theirs before: each takes half a megabyte."""
    return msgspec.msgpack.Decoder(kinds)


class Received(Generic[T]):
    """Reassembles messages that arrive in pieces.

    :param kinds: the expected messages, such as :data:`Up`.
    :ivar refused: why what has come after the last message is not one; nothing after it is read.
    """

    def __init__(self, kinds: Any) -> None:
        self._decode: Callable[[memoryview], Any] = decoder(kinds).decode
        self._buffer = bytearray()
        self.refused: Refused | None = None

    def feed(self, data: bytes | memoryview) -> list[T]:
        """Return the messages that *data* completes, up to one that is refused."""
        if self.refused is not None:
            return []
        rest = self._buffer
        rest += data
        with memoryview(rest) as view:
            messages, end = self._whole(view)
        del rest[:end]
        return messages

    def _whole(self, view: memoryview) -> tuple[list[T], int]:
        """Return the complete messages in *view*, and the offset after the last of them."""
        messages: list[T] = []
        at = 0
        while len(view) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(view, at)
            end = at + _LENGTH.size + length
            try:
                if length > MAX_MESSAGE:
                    raise Refused(f"a message of {length} bytes")
                if len(view) < end:
                    break
                messages.append(guarded(self._message, view[at + _LENGTH.size : end]))
            except Refused as refused:
                self.refused = Refused(str(refused))  # without a traceback, which would hold the data
                return messages, len(view)
            at = end
        return messages, at

    def _message(self, data: memoryview) -> T:
        message: T = self._decode(data)
        return message
