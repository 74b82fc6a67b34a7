"""What a listener takes of a sender, and for how long it waits for one."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Sizes in bytes, times in seconds.

    :ivar body: a body, as it is sent and also as it is unpacked.
    :ivar header: all headers of a request.
    :ivar held: all bodies that arrive or wait to be stored; what comes on top is told to come again later.
    :ivar waiting: how many requests may wait to be stored.
    :ivar connections: how many there may be at a time; a further one is closed.
    :ivar header_time: how long a sender may take from the handshake to the end of the headers, and between requests.
    :ivar body_time: how long it may take for the body.
    :ivar store_time: how long it waits until its alerts are stored, before it is told to come again later.
    """

    body: int = 12 * MIB
    header: int = 16 << 10
    held: int = 128 * MIB
    waiting: int = 4096
    connections: int = 2048
    header_time: float = 10.0
    body_time: float = 20.0
    store_time: float = 10.0
