"""Keeps received messages of a queue hidden, gives them back or deletes them, in a thread of its own.

A message that nobody handles any more, because the worker was killed, reappears by itself.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from falcohost.aws import AwsError, asked
from falcohost.clock import SYSTEM, Clock
from falcohost.poll import BackOff, Failures

T = TypeVar("T")

#: Largest number of messages in one request.
_TOGETHER = 10

#: Seconds for which a message that is done waits for others that will be soon, to be deleted with them.
GATHER = 1.0

#: Seconds that giving messages back may take at the end.
_LAST = 2.0


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, used through boto3's SQS *client*; *name* is for log messages.

    :ivar hidden: seconds for which a received message stays hidden from other consumers.
    """

    client: Any
    name: str
    url: str
    hidden: int

    def receive(self, seconds: int) -> list[Any]:
        """Return up to ten messages, or none after this many *seconds*.

        :raises AwsError: SQS did not answer, or refused.
        """
        answer = asked(
            self.name,
            lambda: self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=_TOGETHER,
                WaitTimeSeconds=seconds,
                VisibilityTimeout=self.hidden,
                AttributeNames=["ApproximateReceiveCount"],
            ),
        )
        return list(answer.get("Messages", []))

    def hide(self, handles: Sequence[str], seconds: int) -> None:
        """Hide messages from other consumers for *seconds* from now; missing messages are ignored.

        :raises AwsError: SQS did not answer, or refused.
        """
        entries = [{**entry, "VisibilityTimeout": seconds} for entry in _entries(handles)]
        ask = self.client.change_message_visibility_batch
        asked(self.name, lambda: ask(QueueUrl=self.url, Entries=entries))

    def delete(self, handles: Sequence[str]) -> set[str]:
        """Delete messages; return those for which SQS wants another attempt.

        :raises AwsError: SQS did not answer, or refused.
        """
        ask = self.client.delete_message_batch
        answer = asked(self.name, lambda: ask(QueueUrl=self.url, Entries=_entries(handles)))
        return {handles[int(one["Id"])] for one in answer.get("Failed", []) if not one.get("SenderFault")}


def _entries(handles: Sequence[str]) -> list[dict[str, Any]]:
    return [{"Id": str(at), "ReceiptHandle": handle} for at, handle in enumerate(handles)]


class Messages:
    """The received messages of *queue*, by their receipt handles."""

    def __init__(self, queue: Queue, plugin: str, clock: Clock = SYSTEM) -> None:
        self._queue = queue
        self._clock = clock
        self._lock = threading.Condition()
        self._held: set[str] = set()
        self._given_back: list[tuple[str, int]] = []
        self._done: set[str] = set()
        self._failures = Failures(f"{plugin}: {queue.name}", BackOff(longest=60), clock, endless=True)
        self._news = self._over = self._gathers = False
        self._thread = threading.Thread(target=self._run, name="sqs", daemon=True)

    def start(self) -> None:
        """Start to keep messages hidden."""
        self._thread.start()

    def hold(self, handles: Iterable[str]) -> None:
        """Keep these messages hidden until another method is called for them."""
        with self._lock:
            self._held.update(handles)

    def give_back(self, handle: str, seconds: int) -> None:
        """Make a message visible again after *seconds*."""
        with self._lock:
            self._held.discard(handle)
            self._given_back.append((handle, seconds))
            self._wake()

    def delete(self, handles: Iterable[str], *, more: bool = False) -> None:
        """Delete these messages, whose alerts are stored; *more*: others will be done soon, and may be waited for."""
        with self._lock:
            self._done.update(handles)
            self._gathers = more
            self._wake()

    def forget(self, handles: Iterable[str]) -> None:
        """Let these messages reappear when their time is over."""
        with self._lock:
            self._held.difference_update(handles)

    def close(self) -> None:
        """Give back all messages that are not done."""
        with self._lock:
            self._over = True
            self._wake()
        if self._thread.ident is not None:
            self._thread.join(_LAST)

    def _run(self) -> None:
        pause = self._queue.hidden / 3
        due = self._clock.monotonic() + pause
        while not self._over:
            self._wait(lambda: self._news, due - self._clock.monotonic())
            if self._done:
                self._wait(self._is_urgent, min(GATHER, due - self._clock.monotonic()))
            self._news = False
            try:
                self._delete()
                self._give_back()
                if self._clock.monotonic() >= due:
                    self._extend()
                    due = self._clock.monotonic() + pause
                self._failures.succeeded()
            except AwsError as error:
                self._wait(lambda: self._over, min(pause, self._failures.failed(error)))
                self._news = True
        with contextlib.suppress(AwsError):
            self._delete()
            self._give_back()
            self._hide(sorted(self._held), 0)

    def _is_urgent(self) -> bool:
        return not self._gathers or len(self._done) >= _TOGETHER or bool(self._given_back) or self._over

    def _wake(self) -> None:
        self._news = True
        self._lock.notify()

    def _wait(self, is_so: Callable[[], bool], seconds: float) -> None:
        with self._lock:
            self._clock.wait_for(self._lock, is_so, max(0.0, seconds))

    def _delete(self) -> None:
        for some in _some(self._copy(self._done)):
            left = self._queue.delete(some)
            with self._lock:
                self._done.difference_update(set(some) - left)
                self._held.difference_update(set(some) - left)

    def _give_back(self) -> None:
        for handle, seconds in self._copy(self._given_back):
            self._queue.hide([handle], seconds)
            with self._lock:
                self._given_back.remove((handle, seconds))

    def _extend(self) -> None:
        self._hide(self._copy(self._held), self._queue.hidden)

    def _hide(self, handles: Sequence[str], seconds: int) -> None:
        for some in _some(handles):
            self._queue.hide(some, seconds)

    def _copy(self, what: Iterable[T]) -> list[T]:
        with self._lock:
            return list(what)


def _some(handles: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield *handles* in groups that fit into one request."""
    for at in range(0, len(handles), _TOGETHER):
        yield handles[at : at + _TOGETHER]
