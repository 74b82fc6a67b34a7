"""The links to the workers of all sources: takes what they send, and acknowledges what is stored."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

from falcohost.host.data import Alerts
from falcohost.host.storing.source import SourceLink
from falcohost.host.supervision.loop import Loop
from falcohost.store.admission import Admission
from falcohost.store.arrival import Arrival

#: Is told which source has sent something that it may not send, and why that is so.
Accuse: TypeAlias = Callable[[str, str], None]


class Sources:
    """The links to workers, by source.

    :param admissions: by source, what decides which of its alerts are taken.
    :param take: called with all that arrives.
    :param accuse: called when a source has sent what is not valid; it is not listened to any more.
    """

    def __init__(
        self, loop: Loop, admissions: Mapping[str, Admission], take: Callable[[Arrival], None], accuse: Accuse
    ) -> None:
        self._admissions = admissions
        self._loop = loop
        self._take = take
        self._accuse = accuse
        self._links: dict[str, SourceLink] = {}
        self._next: dict[str, deque[SourceLink]] = {}
        self._new: list[SourceLink] = []

    def attach(self, name: str, link: socket.socket) -> None:
        """Listen to a new worker of the source *name*, once all that its predecessor has sent is read."""
        self._next.setdefault(name, deque()).append(SourceLink(self._admissions[name], link))
        if name not in self._links:
            self._listen_to_next(name)

    def tell(self, cursors: Mapping[str, str], cursor: Callable[[str], str | None]) -> None:
        """Tell workers what is stored now; *cursor* returns the cursor from which a new worker begins."""
        for link in self._new:
            link.begin(cursor(link.name))
        self._new.clear()
        for name, link in self._links.items():
            link.acknowledge(cursors.get(name))
            self._loop.watch_writing(link, link.waits_to_send)

    @property
    def silent(self) -> bool:
        """Return whether all workers are gone."""
        return not self._links

    def close(self) -> None:
        """Close all links."""
        for name in [*self._links]:
            self._next.pop(name, None)
            self._leave(self._links[name])

    def _listen_to_next(self, name: str) -> None:
        waiting = self._next.get(name)
        if waiting:
            link = self._links[name] = waiting.popleft()
            self._admissions[name].restarted()
            self._new.append(link)
            self._loop.watch(link, lambda: self._serve(link))

    def _serve(self, link: SourceLink) -> None:
        if self._links.get(link.name) is not link:
            return
        link.send_rest()
        for message in link.read():
            self._take(_arrival(link.name, message))
        if link.refused is not None:
            self._accuse(link.name, str(link.refused))
            link.closed = True
        if link.closed:
            self._leave(link)
            self._listen_to_next(link.name)

    def _leave(self, link: SourceLink) -> None:
        self._loop.forget(link)
        link.close()
        del self._links[link.name]
        if link in self._new:
            self._new.remove(link)


def _arrival(source: str, message: Alerts) -> Arrival:
    sent = message.sent
    return Arrival(
        source,
        message.alerts,
        sent.cursor,
        sent.rewinds,
        number=sent.number,
        ended=sent.ended,
        bodies=sent.bodies,
        metadata=message.metadata,
        again=sent.again,
    )
