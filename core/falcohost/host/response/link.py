"""The supervisor as the process that acts sees it: whom it asks about processes, and whom it tells what was done."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.host.channel import Channel
from falcohost.host.response import messages
from falcohost.host.response.protection import Image
from falcohost.host.response.target import Refusal

#: Seconds to wait for the supervisor's answer.
PATIENCE: Final = 2.0


class Heard(NamedTuple):
    """A message, and the descriptor that came with it; -1: none did."""

    message: messages.FromSupervisor
    descriptor: int


class SupervisorLink:
    """The supervisor at the other end of *channel*. Answers are waited for; what it says besides is kept."""

    def __init__(self, channel: Channel[messages.FromSupervisor], clock: Clock = SYSTEM) -> None:
        self.channel = channel
        self._now = clock.monotonic
        self._number = 0
        self._heard: list[Heard] = []

    def send(self, message: msgspec.Struct) -> None:
        """Send *message*."""
        self.channel.send(message)

    def heard(self) -> list[Heard]:
        """Return the messages that have arrived, without waiting; but no answers, which nobody waits for any more."""
        self._read()
        heard, self._heard = self._heard, []
        late = [one for one in heard if isinstance(one.message, messages.Seen | messages.Freezer)]
        for one in late:
            _close(one)
        return [one for one in heard if one not in late]

    def look(self, pids: Sequence[int]) -> Sequence[Image | None]:
        """Return what the supervisor sees of the processes *pids*.

        :raises Refusal: it does not answer.
        """
        if not pids:
            return []
        self._number += 1
        self.send(messages.Look(self._number, list(pids)))
        answer = self._answer().message
        if not isinstance(answer, messages.Seen) or len(answer.images) != len(pids):
            raise Refusal("the supervisor has answered something else")
        return answer.images

    def open_freezer(self, path: str, cgroup: int) -> int:
        """Return the descriptor of what freezes the cgroup at *path*, which has the number *cgroup*.

        :raises Refusal: it cannot be opened, or the supervisor does not answer.
        """
        self._number += 1
        self.send(messages.OpenFreezer(self._number, path, cgroup))
        answer = self._answer()
        if not isinstance(answer.message, messages.Freezer) or answer.message.error or answer.descriptor < 0:
            _close(answer)
            raise Refusal(answer.message.error if isinstance(answer.message, messages.Freezer) else "no answer")
        return answer.descriptor

    def _answer(self) -> Heard:
        """Wait for the answer to the last question.

        :raises Refusal: there is none.
        """
        until = self._now() + PATIENCE
        while not self.channel.closed and (left := until - self._now()) > 0:
            poll = select.poll()
            poll.register(self.channel, select.POLLIN | (select.POLLOUT if self.channel.waits_to_send else 0))
            poll.poll(left * 1000)
            self.channel.send_rest()
            self._read()
            for one in self._heard:
                if isinstance(one.message, messages.Seen | messages.Freezer) and one.message.number == self._number:
                    self._heard.remove(one)
                    return one
        raise Refusal("the supervisor does not answer")

    def _read(self) -> None:
        for message in self.channel.read():
            carries = isinstance(message, messages.Attach | messages.NewData) or (
                isinstance(message, messages.Freezer) and not message.error
            )
            descriptor = self.channel.attached.popleft() if carries and self.channel.attached else -1
            self._heard.append(Heard(message, descriptor))


def _close(heard: Heard) -> None:
    if heard.descriptor >= 0:
        os.close(heard.descriptor)
