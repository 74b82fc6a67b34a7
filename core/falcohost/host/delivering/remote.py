"""The store as the outputs process sees it: at the other end of a socket, where another store may take its place.

New alerts come by themselves and are kept until every runner has taken them; older ones are asked for
(:mod:`falcohost.host.delivering.nearby`).
"""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from falcohost.alert import NO_METADATA, Alert
from falcohost.errors import StateError
from falcohost.host import wire
from falcohost.host.delivering.nearby import Nearby, Show, Stretch
from falcohost.host.memory import unused
from falcohost.host.storing import messages
from falcohost.outputs.lines import ConfiguredFormat
from falcohost.readable import readable
from falcohost.store.arrival import Refusal, SubscriberPosition
from falcohost.store.body import encode
from falcohost.store.metadata import NO_KEY, by_key

T = TypeVar("T")

_SIZE = 1 << 18

#: Seconds for which a runner that waits for the store sleeps at most, so that it notices the end.
LOOK = 1.0


class RemoteStore:
    """The store at the other end of *link*; runners' threads ask it, one thread calls :meth:`pump`.

    :param next_store: called to wait for a socket to another store.
    :ivar kept: alerts are on disk.
    :ivar last: number of the last alert.
    """

    def __init__(self, link: socket.socket, next_store: Callable[[], socket.socket]) -> None:
        self.kept = True
        self.last = 0
        self._next_store = next_store
        self._link: socket.socket | None = None
        self._received: wire.Received[messages.ToOutputs]
        self._buffer = unused(_SIZE)  # reused, since allocating it costs more than reading into it
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._marks: dict[str, int] = {}
        self._positions: dict[str, SubscriberPosition] = {}
        self._number = 0
        self._asked: dict[int, messages.Read | messages.Answer] = {}
        self._found: dict[int, messages.Found | messages.Answered] = {}
        self._nearby = Nearby()
        self._reading = threading.Lock()  # who asks second finds what the first was told
        self.renew(link)

    def fileno(self) -> int | None:
        """Return the socket's descriptor; None while there is no store."""
        return None if self._link is None else self._link.fileno()

    def subscribe(self, name: str) -> SubscriberPosition:
        """Return the position of the subscriber *name*. Called before there is another thread."""
        if name not in self._positions:
            self._send(messages.Subscribe(name))
            while name not in self._positions:
                if (link := self._link) is None:
                    self.renew(self._next_store())
                    self._send(messages.Subscribe(name))
                else:
                    readable([link])
                    self.pump()
            self._marks[name] = self._positions[name].mark
        return self._positions[name]

    def read(self, after: int, most: int) -> list[tuple[int, Alert]]:
        """Return up to *most* alerts after number *after*, each with its number.

        :raises StateError: the store cannot read them.
        """
        return self._read(after, most, Stretch.alerts)

    def lines(self, after: int, most: int, form: ConfiguredFormat) -> list[tuple[int, bytes]]:
        """Return the same alerts as lines, as *form* makes them, each with its number.

        :raises StateError: the store cannot read them.
        """
        return self._read(after, most, lambda stretch: stretch.lines(form))

    def _read(self, after: int, most: int, show: Show[T]) -> list[tuple[int, T]]:
        if (near := self._near(after, most, show)) is not None:
            return near
        with self._reading:
            while (near := self._near(after, most, show)) is None:
                found = self._ask(functools.partial(_question, after, most))
                assert isinstance(found, messages.Found)
                if found.error:
                    raise StateError(found.error)
                if not found.rows:
                    return []
                stretch = _stretch(after, found.rows[-1][0], found)
                with self._changed:
                    self._nearby.add_read(stretch)
                    if rows := show(stretch):
                        return [*rows]
                after = stretch.until  # all of these are damaged
            return near

    def _near(self, after: int, most: int, show: Show[T]) -> list[tuple[int, T]] | None:
        with self._changed:
            return self._nearby.find(after, most, self.last, show)

    def answer(
        self,
        name: str,
        mark: int,
        alerts: Sequence[Alert] = (),
        state: bytes | None = None,
        refused: Sequence[Refusal] = (),
    ) -> None:
        """Store the answer of the subscriber *name*; return when it is stored or, if it is only a mark, sent."""
        if not alerts and state is None and not refused:
            self._move(name, mark)
            self._send(messages.Answer(name, mark))
            return
        bodies = [*map(encode, alerts)]
        metadata = list({id(alert.metadata): alert.metadata for alert in alerts}.values())
        self._ask(lambda number: messages.Answer(name, mark, number, bodies, metadata, state, [*refused]))
        self._move(name, mark)

    def sync(self) -> None:
        """Ask for the number of the last alert."""
        self._ask(lambda number: messages.Read(number, self.last, 1))

    def pump(self) -> bool:
        """Process what the store has said, without waiting; return whether there are new alerts."""
        before = self.last
        if (link := self._link) is not None:
            try:
                while size := link.recv_into(self._buffer, 0, socket.MSG_DONTWAIT):
                    for message in self._received.feed(self._buffer[:size]):
                        self._hear(message)
                    if size < _SIZE:  # there is no more for now: to ask would cost as much as what was received
                        return self.last > before
                self._drop()
            except BlockingIOError:
                pass
            except OSError:
                self._drop()
        return self.last > before

    def renew(self, link: socket.socket) -> None:
        """Go on with another store: tell it what was taken, and ask again what was not answered."""
        with self._sending, self._changed:
            self._lose()
            self._link = link
            self._received = wire.Received(messages.ToOutputs)
            self._say(messages.Hello(self.last, dict(self._marks)))
            for message in self._asked.values():
                self._say(message)

    def _ask(self, question: Callable[[int], messages.Read | messages.Answer]) -> messages.Found | messages.Answered:
        with self._changed:
            self._number += 1
            number = self._number
            message = self._asked[number] = question(number)
        self._send(message)
        with self._changed:
            while number not in self._found:
                self._changed.wait(LOOK)
            del self._asked[number]
            return self._found.pop(number)

    def _move(self, name: str, mark: int) -> None:
        with self._changed:
            self._marks[name] = mark
            self._nearby.forget(min(self._marks.values()))

    def _hear(self, message: messages.ToOutputs) -> None:
        if isinstance(message, messages.News):
            self._take(message)
        elif isinstance(message, messages.Position):
            self.kept = message.kept
            self._positions[message.name] = SubscriberPosition(message.mark, message.state)
        else:
            with self._changed:
                self.last = max(self.last, message.last)
                if message.number in self._asked:
                    self._found[message.number] = message
                self._changed.notify_all()

    def _take(self, news: messages.News) -> None:
        stretch = _stretch(news.after, news.last, news)
        with self._changed:
            self._nearby.add(stretch)
            self.last = max(self.last, news.last)

    def _send(self, message: msgspec.Struct) -> None:
        with self._sending:
            self._say(message)

    def _say(self, message: msgspec.Struct) -> None:
        if self._link is not None:
            with contextlib.suppress(OSError):  # the next store is told what matters
                wire.send(self._link, message)

    def _drop(self) -> None:
        with self._sending:  # no thread is using it
            self._lose()

    def _lose(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None


def _question(after: int, most: int, number: int) -> messages.Read:
    return messages.Read(number, after, most)


def _stretch(after: int, until: int, message: messages.News | messages.Found) -> Stretch:
    """Return all alerts after number *after*, up to *until*, which are those of *message*."""
    return Stretch(after, until, message.rows, {NO_KEY: NO_METADATA, **by_key(message.metadata)})
