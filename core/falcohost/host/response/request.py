"""A worker's requests to act on an alert: one packet each, which is sent at once or not at all.

No request waits: a worker goes on matching whatever becomes of its requests.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Set
from typing import Final

import msgspec

from falcohost.alert import NO_METADATA, Alert

#: Most bytes of a request. What is larger has no fields.
MOST: Final = 1 << 16

#: Most requests that were lost, of which one tells.
_MOST_LOST: Final = 1 << 40


class Request(msgspec.Struct, frozen=True):
    """The alert to act on, and how many requests before it have not been sent."""

    alert: Alert
    lost: int = 0


def pack(request: Request) -> bytes:
    """Return the packet of *request*."""
    whole = msgspec.structs.replace(request.alert, read=b"", metadata=NO_METADATA)
    packet = _encode(msgspec.structs.replace(request, alert=whole))
    if len(packet) <= MOST:
        return packet
    message, begin = whole.message[:1024], whole.output.removesuffix(whole.message)[:64]
    short = msgspec.structs.replace(whole, fields={}, message=message, output=begin + message)
    return _encode(msgspec.structs.replace(request, alert=short))


def unpack(packet: bytes) -> Request:
    """Return the request in *packet*.

    :raises ValueError: there is none.
    """
    request = _decode(packet)
    if not 0 <= request.lost <= _MOST_LOST:
        raise ValueError(f"{request.lost} lost requests")
    return request


class Asking:
    """Asks for actions on alerts of *rules*, by their names."""

    def __init__(self, rules: Collection[str]) -> None:
        self.rules: Set[str] = frozenset(rules)
        self._link: socket.socket | None = None
        self._lost = 0

    def renew(self, link: socket.socket) -> None:
        """Ask over *link* from now on."""
        self.close()
        self._link = link

    def ask(self, alert: Alert) -> None:
        """Ask to act on *alert*, unless nobody takes the request now."""
        if self._link is None:
            self._lost += 1
            return
        try:
            self._link.send(pack(Request(alert, self._lost)), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            self._lost = 0
        except OSError:
            self._lost += 1

    def close(self) -> None:
        """Ask nobody any more."""
        if self._link is not None:
            self._link.close()
            self._link = None


def encode_alert(alert: Alert) -> bytes:
    """Return *alert*, which has come in a request, for :func:`decode_alert`."""
    return _encode(alert)


def decode_alert(data: bytes) -> Alert:
    """Return what :func:`encode_alert` got.

    :raises ValueError: it is no alert.
    """
    return _decode_alert(data)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Request).decode
_decode_alert = msgspec.msgpack.Decoder(Alert).decode
