"""The supervisor's link to the store for its own alerts: never waits, and keeps what is not stored yet."""

from __future__ import annotations

import socket
from collections import deque

import msgspec

from falcohost.alert import Alert
from falcohost.host import data
from falcohost.host.channel import Channel
from falcohost.host.supervision.loop import Loop
from falcohost.log import log

#: Most alerts that are kept while there is no store.
MOST = 1000


class InternalLink:
    """Sends falcohost's alerts about itself to the store."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._channel: Channel[data.ToSource] | None = None
        self._unstored: deque[data.PackedAlerts] = deque()
        self._number = 0

    def send(self, alert: Alert) -> None:
        """Send *alert*, and keep it until it is stored."""
        for message in data.pack(self._number + 1, [alert], None, rewinds=False, ended=False):
            self._number = message.number
            self._unstored.append(message)
            self._say(message)
        if len(self._unstored) > MOST:
            self._unstored.popleft()
            log.error("an alert about falcohost itself is lost, since there is no store")

    def renew(self, link: socket.socket) -> None:
        """Go on with another store at the other end of *link*: send it again what was not stored."""
        self.close()
        self._channel = Channel(link, data.ToSource)
        self._loop.watch(self._channel, self._serve)
        for message in self._unstored:
            self._say(msgspec.structs.replace(message, again=True))

    def close(self) -> None:
        """Close the socket."""
        if self._channel is not None:
            self._loop.forget(self._channel)
            self._channel.close()
            self._channel = None

    def _say(self, message: data.PackedAlerts) -> None:
        if self._channel is not None:
            self._channel.send(message)
            self._loop.watch_writing(self._channel, self._channel.waits_to_send)

    def _serve(self) -> None:
        if (channel := self._channel) is None:
            return
        channel.send_rest()
        self._loop.watch_writing(channel, channel.waits_to_send)
        for message in channel.read():
            if isinstance(message, data.Stored):
                while self._unstored and self._unstored[0].number <= message.number:
                    self._unstored.popleft()
        if channel.closed or channel.refused is not None:
            self.close()
