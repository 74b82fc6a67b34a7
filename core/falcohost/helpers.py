"""Helpers: processes that do for a source, or for a lookup, what takes rights that it should not have (provisional)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from falcohost.agent import Job

__all__ = ["HELPERS", "Helper", "HelperEnded", "HelperSpec"]

#: The key that falcohost adds to the settings of a source or lookup with helpers: a :class:`Helper` for each, by name.
HELPERS: Final = "helpers"


class HelperEnded(BaseException):
    """A helper has ended. A source that finds the other end of its socket closed raises it; its worker is replaced.

    Not an ``Exception``, so that no event is decided without what the helper would have said of it: the next worker
    reads the event again, if the source can.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class HelperSpec:
    """A process that the worker of a source starts before it loads anything, and that ends with the worker.

    :ivar name: its name in messages and in ``settings["helpers"]``.
    :ivar serve: the function that serves the worker, as ``module:name``. Of the plugin's modules only this one and
        *modules* are imported, before the process loses its rights. It is called with the process's end of the socket,
        and, if there are *settings*, with these; it returns when the worker has closed the other end. What comes may
        come from an attacker: check it, and raise to end the worker.
    :ivar opens: a function, as ``module:name``, that opens what takes more rights than the process keeps. It is called
        with *settings* before the process loses its rights; *serve* gets what it returns as ``opened``.
    :ivar asks: the name of another helper, to which it gets a socket of type ``SOCK_SEQPACKET``: the *serve* of both
        gets its end as ``other``, if both run.
    :ivar modules: further modules that it needs with these *settings*.
    :ivar capabilities: Linux capabilities that it keeps.
    :ivar calls: what it does, besides using the socket; works like :attr:`falcohost.needs.Needs.calls`.
    :ivar files: files and folders that it reads; works like :attr:`falcohost.needs.Needs.files`.
    :ivar connects: addresses and paths of sockets to which it connects, if ``connect`` is among *calls*; works like
        :attr:`falcohost.needs.Needs.connects`.
    :ivar stream: the socket is of type ``SOCK_STREAM``, as :class:`falcohost.port.SocketPort` uses it.
    :ivar places: paths, one of which has to exist for the helper to be of use: until then it is not started, and
        ``settings["helpers"]`` does not have it. When one appears, the source is opened again, with the helper. None:
        it is always started; empty: there is nothing that it could be of use for.
    :ivar settings: plain data that *serve* gets. The worker, which may be in an attacker's hands, cannot change it.
    """

    name: str
    serve: str
    opens: str = ""
    asks: str = ""
    modules: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    files: tuple[str, ...] | None = ()
    connects: tuple[str, ...] | None = None
    stream: bool = False
    places: tuple[str, ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_of_use(self) -> bool:
        """Return whether one of its places exists, or it needs none."""
        return self.places is None or any(map(os.path.exists, self.places))


@dataclass(frozen=True, slots=True)
class Helper:
    """A running helper.

    :ivar pid: its process.
    :ivar link: the socket to it, of type ``SOCK_SEQPACKET``, or as :attr:`HelperSpec.stream` says.
    :ivar job: what it does (:mod:`falcohost.agent`).
    """

    pid: int
    link: socket.socket
    job: Job
