"""The links to the workers of all sources: takes what they send, and acknowledges what is stored."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from falcohost.engine.alerts import INTERNAL
from falcohost.host.data import Alerts
from falcohost.host.storing.aside import Aside
from falcohost.host.storing.handled import Caution
from falcohost.host.storing.pace import Pace
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
    :param caution: how messages are handled; *aside*: keeps messages aside.
    :param per_second: so many alerts of one source are taken, in the long run.
    :ivar paces: the paces of sources.
    """

    def __init__(
        self,
        loop: Loop,
        admissions: Mapping[str, Admission],
        take: Callable[[Arrival], None],
        accuse: Accuse,
        caution: Caution,
        aside: Aside,
        per_second: int,
    ) -> None:
        self.paces: dict[str, Pace] = {}
        self._per_second = per_second
        self._waiting: set[SourceLink] = set()
        self._hurries = False
        self._caution = caution
        self._aside = aside
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
            if link not in self._waiting:
                self._loop.watch_writing(link, link.waits_to_send)

    def hurry(self) -> None:
        """Let no source wait any more: the run ends."""
        self._hurries = True
        for link in [*self._waiting]:
            self._go_on(link)

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
        self._caution.handled.begin(link.name)
        messages = link.read()
        for message in messages:
            self._take(self._arrival(link.name, message))
        if link.refused is not None:
            self._accuse(link.name, str(link.refused))
            link.closed = True
        if link.closed:
            self._leave(link)
            self._listen_to_next(link.name)
        elif messages and link.name != INTERNAL and not self._hurries:
            self._keep_pace(link, sum(len(message.alerts) or 1 for message in messages))

    def _keep_pace(self, link: SourceLink, alerts: int) -> None:
        if (pace := self.paces.get(link.name)) is None:
            pace = self.paces[link.name] = Pace(self._per_second, self._loop.clock)
        if not (seconds := pace.wait(alerts)):
            return
        self._loop.forget(link)
        self._waiting.add(link)
        self._loop.after(seconds, lambda: self._go_on(link))

    def _go_on(self, link: SourceLink) -> None:
        if link in self._waiting:
            self._waiting.remove(link)
            self._loop.watch(link, lambda: self._serve(link))

    def _leave(self, link: SourceLink) -> None:
        if link in self._waiting:
            self._waiting.remove(link)
        else:
            self._loop.forget(link)
        link.close()
        del self._links[link.name]
        if link in self._new:
            self._new.remove(link)

    def _arrival(self, source: str, message: Alerts) -> Arrival:
        if (source, message.sent.number) in self._caution.skipped:
            self._aside.keep(source, message.sent)
            return msgspec.structs.replace(_arrival(source, message), alerts=[], bodies=())
        return _arrival(source, message)


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
