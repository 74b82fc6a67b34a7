"""Sockets that a source listens on, and that outlive its worker, so that senders wait for the next and are not refused.

A source has its sockets from :func:`listening_sockets`. Its worker hands copies of them to the supervisor, and the next
worker of the source inherits them (:mod:`falcohost.host.kept_sockets`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence

#: By their name, of this process: those that an earlier worker has bound, and those that the source listens on.
_inherited: dict[str, list[socket.socket]] = {}
_listening: dict[str, list[socket.socket]] = {}


def listening_sockets(name: str, bind: Callable[[], list[socket.socket]]) -> list[socket.socket]:
    """Return the sockets that are called *name*: those of the worker before this one, or what *bind* returns."""
    _listening[name] = _inherited.pop(name) if name in _inherited else bind()
    return _listening[name]


def inherit(kept: Mapping[str, Sequence[int]]) -> None:
    """Take over the descriptors of an earlier worker, by the names of what they listen on."""
    for name, descriptors in kept.items():
        _inherited[name] = [socket.socket(fileno=descriptor) for descriptor in descriptors]


def taken() -> Mapping[str, Sequence[socket.socket]]:
    """Return the sockets that the source listens on, by name, and close what was inherited for nothing."""
    for unused in _inherited.values():
        for one in unused:
            one.close()
    _inherited.clear()
    return _listening
