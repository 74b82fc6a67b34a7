"""Listening sockets that outlive a worker, so that senders wait for the next worker instead of being refused.

A source gets its sockets from :func:`listening_sockets`; the supervisor keeps copies of them (:mod:`falcohost.kept`).
The worker before may have been taken over when it ended. So a socket is used again only if it listens as it did: one
that does not would keep the source deaf, whatever worker it has.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable, Iterable
from typing import Final

from falcohost import kept

log = logging.getLogger(__name__)

# asm-generic/socket.h, linux/in.h, linux/in6.h
_SO_DETACH_FILTER: Final = 27
_LEAST_HOPS: Final = {
    socket.AF_INET: ((socket.IPPROTO_IP, 21),),
    socket.AF_INET6: ((socket.IPPROTO_IP, 21), (socket.IPPROTO_IPV6, 73)),
}
_LONGEST_NAME: Final = 16


def listening_sockets(name: str, bind: Callable[[], list[socket.socket]]) -> list[socket.socket]:
    """Return the sockets called *name*: those of the previous worker, or else what *bind* returns."""
    place = f"listening on {name}"
    sockets = _as_before(name, kept.inherited(place)) or bind()
    kept.keep(place, [one.fileno() for one in sockets])
    return sockets


def _as_before(name: str, descriptors: Iterable[int]) -> list[socket.socket]:
    """Return the sockets of *descriptors*; none, and close them for all processes, if one does not listen as it did."""
    sockets, spoilt = [], False
    for descriptor in descriptors:
        try:
            sockets.append(socket.socket(fileno=descriptor))
        except OSError:
            os.close(descriptor)
            spoilt = True
    if not spoilt and all(map(_is_intact, sockets)):
        return sockets
    log.warning("%s is bound anew: the socket that the worker before has left does not listen as it should", name)
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)  # the supervisor has a copy, with which the address would be in use
        one.close()
    return []


def _is_intact(one: socket.socket) -> bool:
    """Return whether a socket listens, for any interface and distance, and has no filter of packets."""
    try:
        far = all(one.getsockopt(*option) == 0 for option in _LEAST_HOPS[one.family])
        anywhere = not one.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, _LONGEST_NAME).strip(b"\0")
        if not (far and anywhere and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)):
            return False
        one.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    except KeyError:  # another family
        return False
    except OSError as error:
        return error.errno == errno.ENOENT  # there is no filter
    return False
