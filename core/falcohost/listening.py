"""Listening sockets that outlive a worker, so that senders wait for the next worker instead of being refused.

A source gets its sockets from :func:`listening_sockets`; the supervisor keeps copies of them (:mod:`falcohost.kept`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from falcohost import kept


def listening_sockets(name: str, bind: Callable[[], list[socket.socket]]) -> list[socket.socket]:
    """Return the sockets called *name*: those of the previous worker, or else what *bind* returns."""
    place = f"listening on {name}"
    descriptors = kept.inherited(place)
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors] if descriptors else bind()
    kept.keep(place, [one.fileno() for one in sockets])
    return sockets
