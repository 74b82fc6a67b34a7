"""Processes that are forked ahead, and wait: each becomes the loader or the worker of a source.

Whatever the supervisor does changes pages of memory that it shares with its forks, so that each fork that is made later
has an own, older copy of them for as long as it lives: 1.5 to 3 MB. Forks of one moment have one copy together. So the
supervisor forks before it does anything else what it will need for sure. A process that takes the place of another one
is forked when it is needed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Final, NoReturn, Self, TypeAlias

import msgspec

from falcohost.host.confine.users import WorkerUsers
from falcohost.host.descriptors import receive_with, send_with
from falcohost.host.forked import take_over
from falcohost.host.supervision.process import Descriptors, ForkedProcess, start_fork
from falcohost.host.worker import run_worker

#: Bytes of the largest order, and descriptors in one message.
_LONGEST: Final = 1 << 16
_AT_ONCE: Final = 200

_Counts: TypeAlias = Mapping[str, int]


class Order(msgspec.Struct, frozen=True):
    """What a process is to become; the descriptors come with it and after it.

    :ivar kept: how many descriptors were kept, by name; *held*: how many a former loader held.
    :ivar users: the users of the source's processes.
    :ivar counted: there is memory for what is only counted.
    :ivar ahead: there is a process that prepares ahead.
    """

    kept: _Counts
    held: _Counts
    users: WorkerUsers
    counted: bool
    ahead: bool

    @property
    def descriptors(self) -> int:
        """Return how many descriptors there are."""
        return 2 + self.counted + self.ahead + sum(self.kept.values()) + sum(self.held.values())


class Spares:
    """The processes that wait; a context manager that ends those that are left."""

    def __init__(self, count: int, become: Callable[..., NoReturn] = run_worker) -> None:
        """Foresee *count* processes, each of which will call *become* in place of :func:`run_worker`."""
        self._count = count
        self._become = become
        self._waiting: list[tuple[ForkedProcess, socket.socket]] = []

    def fork(self) -> None:
        """Fork them. If that is impossible, others are forked when they are needed."""
        with contextlib.suppress(OSError):
            for _ in range(self._count):
                self._waiting.append(_forked(self._become))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        while self._waiting:
            _ended(*self._waiting.pop())

    def take(
        self,
        data: int,
        store: int,
        kept: Descriptors,
        held: Descriptors,
        users: WorkerUsers,
        counts: int | None,
        ahead: int | None,
    ) -> ForkedProcess | None:
        """Have one of them run :func:`run_worker` with these arguments; return it, or None if none is left."""
        order = Order(_counts(kept), _counts(held), users, counts is not None, ahead is not None)
        own = [data, store, *(one for one in (counts, ahead) if one is not None)]
        while self._waiting:
            process, link = self._waiting.pop(0)
            try:
                with link:
                    _send(link, order, [*own, *chain(*kept.values(), *held.values())])
            except OSError:  # somebody has ended it
                _ended(process, link)
            else:
                return process
        return None


def _forked(become: Callable[..., NoReturn]) -> tuple[ForkedProcess, socket.socket]:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    try:
        with there:
            return start_fork(lambda link: _wait(link, there, parent, become)), here
    except OSError:
        here.close()
        raise


def _ended(process: ForkedProcess, link: socket.socket) -> None:
    link.close()
    process.signal(signal.SIGKILL)
    process.reap()


def _wait(link: socket.socket, orders: socket.socket, parent: int, become: Callable[..., NoReturn]) -> NoReturn:
    """Become what the first order says; end without one."""
    try:
        take_over({link.fileno(), orders.fileno()}, parent)
        order, found = _received(orders)
    except (EOFError, OSError, ValueError):
        os._exit(0)
    descriptors = iter(found)
    data, store = next(descriptors), socket.socket(fileno=next(descriptors))
    counts = next(descriptors) if order.counted else None
    ahead = next(descriptors) if order.ahead else None
    kept, held = _taken(order.kept, descriptors), _taken(order.held, descriptors)
    become(data, link, store, parent, kept, held, order.users, counts, ahead)


def _send(link: socket.socket, order: Order, descriptors: Sequence[int]) -> None:
    send_with(link, _encode(order), descriptors[:_AT_ONCE])
    for start in range(_AT_ONCE, len(descriptors), _AT_ONCE):
        send_with(link, b"\0", descriptors[start : start + _AT_ONCE])


def _received(orders: socket.socket) -> tuple[Order, list[int]]:
    """Return the order, and its descriptors.

    :raises EOFError: there will be none.
    """
    with orders:
        data, descriptors = _message(orders)
        order = _decode(data)
        while len(descriptors) < order.descriptors:
            descriptors += _message(orders)[1]
        return order, descriptors


def _message(orders: socket.socket) -> tuple[bytes, list[int]]:
    orders.recv(1, socket.MSG_PEEK)
    data, descriptors = receive_with(orders, _LONGEST, _AT_ONCE)
    if not data:
        raise EOFError
    return data, descriptors


def _counts(descriptors: Descriptors) -> dict[str, int]:
    return {name: len(those) for name, those in descriptors.items()}


def _taken(counts: _Counts, descriptors: Iterator[int]) -> dict[str, list[int]]:
    return {name: [*islice(descriptors, count)] for name, count in counts.items()}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Order).decode
