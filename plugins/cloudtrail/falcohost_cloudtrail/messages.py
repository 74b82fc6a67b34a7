"""Keeps received messages of a queue hidden, gives them back or deletes them, in a thread of its own.

A message that nobody handles any more, because the worker was killed, reappears by itself.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, TypedDict, TypeVar

import msgspec

from falcohost.aws import AwsError, asked
from falcohost.clock import SYSTEM, Clock
from falcohost.poll import BackOff, Failures

T = TypeVar("T")

#: Largest number of messages in one request.
_TOGETHER = 10

#: Seconds for which a message that is done waits for others that will be soon, to be deleted with them.
GATHER = 1.0

_COUNT = "ApproximateReceiveCount"
_RECEIVE, _DELETE = "ReceiveMessage", "DeleteMessageBatch"

#: Seconds that giving messages back may take at the end; times that answers are awaited before, and seconds of each.
_LAST = 2.0
_TIMES, _AWAIT = 10, 0.1

_LONG_AGO = float("-inf")


class Message(TypedDict):
    """A message, as SQS has it."""

    MessageId: str
    ReceiptHandle: str
    Body: str
    Attributes: dict[str, str]


class _Received(TypedDict, total=False):
    Messages: list[Message] | None


class _Named(TypedDict):
    Id: str


class _Entry(_Named, total=False):
    SenderFault: bool | None


class _Deleted(TypedDict, total=False):
    Successful: list[_Entry] | None
    Failed: list[_Entry] | None


_RECEIVED: Final = msgspec.json.Decoder(_Received)
_DELETED: Final = msgspec.json.Decoder(_Deleted)


class Direct(Protocol):
    """Asks SQS with less work than boto3's (:meth:`falcohost.aws.AwsSession.direct_posts`)."""

    def ask(self, operation: str, body: bytes, take: Callable[[bytes | None], None]) -> bool:
        """Have *take* called with the answer; False: boto3 has to be asked. So it has if None is taken."""

    def learn(self, *, failed: bool = False) -> None:
        """Take note that boto3 has just asked for something in this thread."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, used through boto3's SQS *client*; *name* is for log messages.

    :ivar hidden: seconds for which a received message stays hidden from other consumers.
    :ivar direct: asks with less work than boto3's.
    """

    client: Any
    name: str
    url: str
    hidden: int
    direct: Direct | None = None

    def ask_receive(self, seconds: int, take: Callable[[list[Message] | None], None]) -> bool:
        """Ask directly for what :meth:`receive` returns; False, or None taken: that has to be called."""

        def taken(answer: bytes | None) -> None:
            take(None if answer is None else _received(answer))

        body = msgspec.json.encode(self._to_receive(seconds))
        return self.direct is not None and self.direct.ask(_RECEIVE, body, taken)

    def receive(self, seconds: int, *, failed: bool = False) -> list[Message]:
        """Return up to ten messages, or none after this many *seconds*; *failed*: not directly.

        :raises AwsError: SQS did not answer, or refused.
        """

        def receive() -> list[Message]:
            found = self.client.receive_message(**self._to_receive(seconds))
            if self.direct is not None:
                self.direct.learn(failed=failed)
            return [_message(each) for each in found.get("Messages", [])]

        return asked(self.name, receive)

    def _to_receive(self, seconds: int) -> dict[str, Any]:
        return {
            "QueueUrl": self.url,
            "MaxNumberOfMessages": _TOGETHER,
            "WaitTimeSeconds": seconds,
            "VisibilityTimeout": self.hidden,
            "AttributeNames": [_COUNT],
        }

    def hide(self, handles: Sequence[str], seconds: int) -> None:
        """Hide messages from other consumers for *seconds* from now; missing messages are ignored.

        :raises AwsError: SQS did not answer, or refused.
        """
        entries = [{**entry, "VisibilityTimeout": seconds} for entry in _entries(handles)]
        ask = self.client.change_message_visibility_batch
        asked(self.name, lambda: ask(QueueUrl=self.url, Entries=entries))

    def ask_delete(self, handles: Sequence[str], take: Callable[[set[str] | None], None]) -> bool:
        """Ask directly for what :meth:`delete` does; False, or None taken: that has to be called."""

        def taken(answer: bytes | None) -> None:
            take(None if answer is None else _left(answer, handles))

        body = msgspec.json.encode({"QueueUrl": self.url, "Entries": _entries(handles)})
        return self.direct is not None and self.direct.ask(_DELETE, body, taken)

    def delete(self, handles: Sequence[str], *, failed: bool = False) -> set[str]:
        """Delete messages; return those for which SQS wants another attempt; *failed*: it was not done directly.

        :raises AwsError: SQS did not answer, or refused.
        """

        def delete() -> set[str]:
            found = self.client.delete_message_batch(QueueUrl=self.url, Entries=_entries(handles))
            if self.direct is not None:
                self.direct.learn(failed=failed)
            return {handles[int(one["Id"])] for one in found.get("Failed", []) if not one.get("SenderFault")}

        return asked(self.name, delete)


def _message(found: Any) -> Message:
    """Return a message as boto3 has *found* it.

    :raises LookupError, ValueError: it is not as expected.
    """
    deliveries = int(found["Attributes"][_COUNT])
    return {
        "MessageId": found["MessageId"],
        "ReceiptHandle": found["ReceiptHandle"],
        "Body": found["Body"],
        "Attributes": {_COUNT: str(deliveries)},
    }


def _received(answer: bytes) -> list[Message] | None:
    """Return the messages in an *answer*; None: it is not as expected."""
    try:
        found = _RECEIVED.decode(answer).get("Messages") or []
    except (msgspec.DecodeError, ValueError):
        return None
    return found if all(one["Attributes"].get(_COUNT, "").isdecimal() for one in found) else None


def _left(answer: bytes, handles: Sequence[str]) -> set[str] | None:
    """Return which of *handles* SQS wants another attempt for; None: not all are mentioned in its *answer*."""
    try:
        found = _DELETED.decode(answer)
        failed = found.get("Failed") or []
        ids = {int(one["Id"]) for one in [*(found.get("Successful") or []), *failed]}
        again = {int(one["Id"]) for one in failed if not one.get("SenderFault")}
    except (msgspec.DecodeError, ValueError):
        return None
    return {handles[at] for at in again} if ids == set(range(len(handles))) else None


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
        self._done: dict[str, float] = {}  # since when
        self._asked: set[str] = set()
        self._has_failed = False
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
        now = self._clock.monotonic()
        with self._lock:
            self._done.update(dict.fromkeys(handles, now))
            self._gathers = more
        while (len(self._done) >= _TOGETHER or (self._done and not more)) and self._ask_delete():
            pass
        with self._lock:
            if self._done and (not self._news or self._is_urgent()):
                self._wake()

    def forget(self, handles: Iterable[str]) -> None:
        """Let these messages reappear when their time is over."""
        with self._lock:
            self._held.difference_update(handles)

    def close(self, drive: Callable[[float], None] | None = None) -> None:
        """Give back all messages that are not done; *drive*: waits for answers to what was asked directly."""
        for _ in range(_TIMES if drive is not None else 0):
            if drive is None or not self._asked:
                break
            drive(_AWAIT)
        with self._lock:
            self._done.update(dict.fromkeys(self._asked, _LONG_AGO))  # what was asked for may be lost
            self._over = True
            self._wake()
        if self._thread.ident is not None:
            self._thread.join(_LAST)

    def _ask_delete(self) -> bool:
        """Ask directly that up to ten messages be deleted; return False if boto3 has to be asked."""
        with self._lock:
            some = dict(islice(self._done.items(), _TOGETHER))
            for handle in some:
                del self._done[handle]
            self._asked.update(some)
        handles = list(some)
        if self._queue.ask_delete(handles, lambda left: self._deleted(handles, left)):
            return True
        with self._lock:
            self._asked.difference_update(some)
            self._done.update(some)
        return False

    def _deleted(self, some: Sequence[str], left: set[str] | None) -> None:
        """Take note that *some* messages were deleted but *left*; None: boto3 has to be asked."""
        with self._lock:
            self._asked.difference_update(some)
            if left is None:
                self._has_failed, left = True, set(some)
            self._held.difference_update(set(some) - left)
            if left:
                self._done.update(dict.fromkeys(left, _LONG_AGO))
                self._wake()

    def _run(self) -> None:
        pause = self._queue.hidden / 3
        due = self._clock.monotonic() + pause
        while not self._over:
            self._wait(lambda: self._news, due - self._clock.monotonic())
            if self._done:
                self._wait(self._is_urgent, min(GATHER, due - self._clock.monotonic()))
            self._news = False
            try:
                if self._delete():
                    self._news = True
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

    def _delete(self) -> bool:
        """Delete messages that are done; return whether some are left that have not been for long."""
        before = self._clock.monotonic() - GATHER / 2
        with self._lock:
            due = [handle for handle, since in self._done.items() if since <= before or self._is_urgent()]
            is_later = len(due) < len(self._done)
        for some in _some(due):
            failed, self._has_failed = self._has_failed, False
            left = self._queue.delete(some, failed=failed)
            with self._lock:
                for handle in set(some) - left:
                    self._done.pop(handle, None)
                self._held.difference_update(set(some) - left)
        return is_later

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
