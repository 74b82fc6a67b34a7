"""Listening sockets that outlive a worker, so that senders wait for the next worker instead of being refused.

A source gets its sockets from :func:`listening_sockets`. Its worker passes copies of them to the supervisor, and the
source's next worker inherits them (:mod:`falcohost.host.kept_sockets`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

#: This process's sockets by name: those inherited from an earlier worker, and those that the source listens on.
_inherited: dict[str, list[socket.socket]] = {}
_listening: dict[str, list[socket.socket]] = {}


def listening_sockets(name: str, bind: Callable[[], list[socket.socket]]) -> list[socket.socket]:
    """Return the sockets called *name*: those of the previous worker, or else what *bind* returns."""
    _listening[name] = _inherited.pop(name) if name in _inherited else bind()
    return _listening[name]


def inherit(kept: Mapping[str, Sequence[int]]) -> None:
    """Take over the descriptors of an earlier worker, given by name."""
    for name, descriptors in kept.items():
        _inherited[name] = [socket.socket(fileno=descriptor) for descriptor in descriptors]


def taken() -> Mapping[str, Sequence[socket.socket]]:
    """Return the sockets that the source listens on, by name; close inherited ones that it did not ask for."""
    for unused in _inherited.values():
        for one in unused:
            one.close()
    _inherited.clear()
    return _listening
