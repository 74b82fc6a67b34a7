"""The store's end of its link to the outputs process: new alerts go there as they are stored, answers come back."""

from __future__ import annotations

import socket
from collections.abc import Callable

from falcohost.alert import RuleMetadata
from falcohost.errors import StateError
from falcohost.host.channel import Channel
from falcohost.host.storing import messages
from falcohost.store.admission import Refused
from falcohost.store.answers import AnswerAdmission
from falcohost.store.arrival import Answer
from falcohost.store.store import Store
from falcohost.subscriber import MOST_TAKEN

#: Most bytes that wait for the outputs process before new alerts are only announced.
MOST_UNSENT = 1 << 20

#: Most bytes that wait for a process that asks for alerts.
MOST_UNREAD = 64 << 20

#: About this many bytes of alerts are in one answer.
MOST_BYTES = 4 << 20


class OutputsLink:
    """The link to one outputs process.

    :param admission: decides what it may say.
    :param take: called with each answer.
    """

    def __init__(
        self, link: socket.socket, store: Store, admission: AnswerAdmission, take: Callable[[Answer], None]
    ) -> None:
        self._channel: Channel[messages.FromOutputs] = Channel(link, messages.FromOutputs)
        self._store = store
        self._admission = admission
        self._take = take
        self._said_hello = False
        self._told = 0
        self._answered: list[int] = []

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._channel.fileno()

    @property
    def closed(self) -> bool:
        """Return whether the outputs process is gone."""
        return self._channel.closed

    @property
    def waits_to_send(self) -> bool:
        """Return whether something waits until the outputs process reads."""
        return self._channel.waits_to_send

    def serve(self) -> None:
        """Send what waits, and process what has arrived.

        :raises Refused: it may not say so.
        """
        self._channel.send_rest()
        if self._channel.unsent > MOST_UNREAD:
            raise Refused(f"it has asked for {self._channel.unsent} bytes that it does not read")
        for message in self._channel.read():
            self._handle(message)
        if self._channel.refused is not None:
            raise self._channel.refused

    def tell(self) -> None:
        """Tell what is stored now: new alerts, and then answers."""
        last = self._store.last
        if self._said_hello and last > self._told and self._channel.unsent < MOST_UNSENT:
            self._channel.send(self._news(last))
            self._told = last
        for number in self._answered:
            self._channel.send(messages.Answered(number, last))
        self._answered.clear()

    def close(self) -> None:
        """Close the socket."""
        self._channel.close()

    def _news(self, last: int) -> messages.News:
        rows = self._store.recent(self._told)
        if rows is None or sum([len(row.body) for row in rows]) > MOST_BYTES:
            return messages.News(last, last, [], [])
        metadata = {id(row.metadata): row.metadata for row in rows}
        return messages.News(last, self._told, [(row.seq, row.body) for row in rows], [*metadata.values()])

    def _handle(self, message: messages.FromOutputs) -> None:
        if isinstance(message, messages.Hello):
            self._hello(message)
        elif isinstance(message, messages.Subscribe):
            self._admission.check_name(message.name)
            position = self._store.subscribe(message.name)
            self._channel.send(messages.Position(message.name, position.mark, position.state, self._store.kept))
        elif isinstance(message, messages.Read):
            self._channel.send(self._found(message))
        else:
            self._answer(message)

    def _hello(self, message: messages.Hello) -> None:
        """Take over what the outputs have had from a former store, which may not have been written."""
        for name in message.marks:
            self._admission.check_name(name)
        self._said_hello = True
        self._store.advance(max([message.last, *message.marks.values()]))
        for name, mark in message.marks.items():
            if mark > self._store.subscribe(name).mark:
                self._take(Answer(name, mark))
        self._told = self._store.last
        self._channel.send(messages.News(self._told, self._told, [], []))

    def _found(self, asked: messages.Read) -> messages.Found:
        rows: list[tuple[int, bytes]] = []
        metadata: list[RuleMetadata] = []
        size = 0
        try:
            for row in self._store.bodies(asked.after, min(asked.most, MOST_TAKEN)):
                size += len(row[1])
                if rows and size > MOST_BYTES:
                    break
                rows.append(row)
            metadata = self._store.metadata(body for _, body in rows)
        except StateError as error:
            return messages.Found(asked.number, self._store.last, [], [], str(error))
        return messages.Found(asked.number, self._store.last, rows, metadata)

    def _answer(self, message: messages.Answer) -> None:
        alerts, metadata = self._admission.admit(message.name, message.bodies, message.metadata, message.state)
        refused = self._admission.admit_refused(message.refused, message.mark)
        self._take(Answer(message.name, message.mark, alerts, message.state, message.bodies, metadata, refused))
        if message.number:
            self._answered.append(message.number)
