"""Helpers: processes that do for a source, or for a lookup, what takes rights that it should not have (provisional)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from falcohost.agent import Job
from falcohost.code_memory import give_back
from falcohost.libc import LIBC
from falcohost.port import Port, PortClosed, SocketPort

__all__ = [
    "HELPERS",
    "Helper",
    "HelperEnded",
    "HelperPort",
    "HelperSpec",
    "port_in",
    "prepare_threads",
    "return_memory",
]

_Q = TypeVar("_Q")
_A = TypeVar("_A")

#: Bytes of a thread's stack in a helper: decoders of Python 3.12 and 3.13 nest 10,000 deep, which takes half of that.
#: Only what is used takes memory.
_STACK: Final = 8 << 20

# malloc.h
_M_ARENA_MAX: Final = -8

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
    :ivar serve: the function that serves the worker, as ``module:name``, with the mark ``called_by_name("serve")``
        (:mod:`falcohost.by_name`), which has *capabilities* and *calls*. Of the plugin's modules only this one and
        *modules* are imported, before the process loses its rights. It is called with the process's end of the socket,
        and, if there are *settings*, with these; it returns when the worker has closed the other end. What comes may
        come from an attacker: check it, and raise to end the worker.
    :ivar opens: a function, as ``module:name`` and with the mark ``"opens"``, that opens what takes more rights than
        the process keeps. It is called with *settings* before the process loses its rights; *serve* gets what it
        returns as ``opened``.
    :ivar asks: the name of another helper, to which it gets a socket of type ``SOCK_SEQPACKET``: the *serve* of both
        gets its end as ``other``, if both run.
    :ivar modules: further modules that it needs with these *settings*.
    :ivar capabilities: Linux capabilities that it keeps.
    :ivar calls: what it does, besides using the socket; works like :attr:`falcohost.needs.Needs.calls`.
    :ivar files: files and folders that it reads; works like :attr:`falcohost.needs.Needs.files`.
    :ivar writes: files and folders that it changes, if ``write`` is among *calls*; works like
        :attr:`falcohost.needs.Needs.writes`.
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
    writes: tuple[str, ...] | None = ()
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


class HelperPort(Generic[_Q, _A]):
    """A port to a helper, as a lookup has it: nobody answers where there is no helper, and the end of one is told.

    :raises HelperEnded: by each method that asks or answers: the helper has ended.
    """

    def __init__(self, port: Port[_Q, _A] | None) -> None:
        self._port = port

    def __bool__(self) -> bool:
        """Return whether there is a helper."""
        return self._port is not None

    def ask(self, question: _Q) -> bool:
        """Send *question*; return False if there is no helper, or too many questions are unanswered."""
        try:
            return self._port is not None and self._port.ask(question)
        except PortClosed as error:
            raise HelperEnded from error

    def answers(self) -> list[_A]:
        """Return the answers that have come since the last call."""
        try:
            return [] if self._port is None else [*self._port.answers()]
        except PortClosed as error:
            raise HelperEnded from error

    def fileno(self) -> int | None:
        """Return the descriptor that can be read when answers have come."""
        return None if self._port is None else self._port.fileno()

    def close(self) -> None:
        """Close the port: the helper ends."""
        if self._port is not None:
            self._port.close()


def port_in(settings: Mapping[str, Any], name: str, kind: type[_A]) -> SocketPort[Any, _A] | None:
    """Return the port to the helper *name* in a lookup's *settings*, whose answers are of this *kind*; None: none."""
    helper: Helper | None = settings[HELPERS].get(name)
    return None if helper is None else SocketPort(helper.link, kind)


def prepare_threads() -> None:
    """Have the threads of this helper take little memory. Call it before there are any."""
    threading.stack_size(_STACK)
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)  # glibc only


def return_memory() -> None:
    """Return memory to the system that only the start of this helper has needed. Call it a moment after that."""
    with contextlib.suppress(AttributeError):
        LIBC.malloc_trim(0)  # glibc only
    give_back()
