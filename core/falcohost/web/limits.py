"""Limits of a listener on sizes, times and numbers."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Sizes in bytes, times in seconds.

    :ivar body: size of a body, both compressed and decompressed.
    :ivar header: size of all headers of a request.
    :ivar held: size of all bodies that are arriving or waiting; further requests are told to try again later.
    :ivar waiting: number of requests that wait to be stored.
    :ivar connections: number of connections; for further ones, the oldest without the right secret are closed.
    :ivar peer_connections: number of connections from one address that have not shown the right secret.
    :ivar header_time: time for the TLS handshake, for the headers, and between requests.
    :ivar body_time: time to receive a body.
    :ivar store_time: time until the alerts are stored, after which the sender is told to try again later.
    """

    body: int = 12 * MIB
    header: int = 16 << 10
    held: int = 128 * MIB
    waiting: int = 4096
    connections: int = 2048
    peer_connections: int = 1024
    header_time: float = 10.0
    body_time: float = 20.0
    store_time: float = 10.0
