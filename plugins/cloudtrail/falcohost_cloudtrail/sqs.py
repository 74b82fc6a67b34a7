"""Reads the objects that messages in a queue name (``sqs://QUEUE``).

A message is deleted when the alerts of its objects are stored. Until then SQS keeps it and delivers it again, whatever
happens to this process. Nothing that was not read is deleted.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from falcohost.aws import AwsError, AwsSession, AwsSettings, asked, is_about_the_object
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Limits, Refusals, Texts
from falcohost.needs import Needs
from falcohost.poll import BackOff, Failures
from falcohost_cloudtrail.messages import Direct, Message, Messages, Queue
from falcohost_cloudtrail.notifications import Named, Unknown, named
from falcohost_cloudtrail.objects import Bucket, ObjectBody
from falcohost_cloudtrail.waiting import IDLE, NOWHERE, Pending, Waiting, Yielding

log = logging.getLogger("falcohost")

#: Seconds to wait for messages in an empty queue; SQS's maximum.
_LISTEN = 20

#: Seconds until a failed message is delivered again: the first time, and at most.
_FIRST, _LATER = 15, 900

#: Seconds for which a message is put aside. SQS allows 12 hours from its receipt on.
_ASIDE = 12 * 3600 - 600

#: AWS's error codes for problems that do not pass.
_FOR_GOOD = {"NoSuchKey", "NoSuchBucket", "InvalidObjectState"}

#: Largest number of messages whose alerts are not stored yet.
_MOST_READ = 1000

#: Largest number of different reasons for failed messages that are logged, each once.
_MOST_TOLD = 100

PUT_ASIDE = "message put aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsSettings:
    """The queue to read.

    :ivar owner: the account that owns it; empty: the caller's own.
    :ivar delete: messages are deleted when they are done.
    :ivar hidden: seconds for which a message is hidden from other consumers, renewed until it is done.
    :ivar tries: deliveries after which a message is put aside if it is not understood or its object is missing.
    """

    queue: str
    owner: str = ""
    delete: bool = True
    hidden: int
    tries: int
    concurrency: int


@dataclass(eq=False, slots=True)
class _Message:
    """A message: *id*, receipt *handle*, number of deliveries, and number of objects that are *left*."""

    id: str
    handle: str
    deliveries: int
    left: int = 0
    failed: bool = False


class _Found(msgspec.Struct):
    """SQS's answer to the question for a queue's address."""

    url: str = msgspec.field(name="QueueUrl")


def queue_url(client: Any, given: SqsSettings, direct: Direct | None = None, *, failed: bool = False) -> str:
    """Return the address of the queue, found through boto3's SQS *client*; *failed*: it was not with *direct*.

    :raises AwsError: SQS did not answer, or refused.
    """
    url = asked(f"sqs://{given.queue}", lambda: str(client.get_queue_url(**_which(given))["QueueUrl"]))
    if direct is not None:
        direct.learn(failed=failed)
    return url


def ask_queue_url(direct: Direct | None, given: SqsSettings, take: Callable[[str | None], None]) -> bool:
    """Ask directly for what :func:`queue_url` returns; False, or None taken: that has to be called."""

    def taken(answer: bytes | None) -> None:
        url = None
        if answer is not None:
            with contextlib.suppress(msgspec.DecodeError, ValueError):
                url = msgspec.json.decode(answer, type=_Found).url or None
        take(url)

    return direct is not None and direct.ask("GetQueueUrl", msgspec.json.encode(_which(given)), taken)


def _which(given: SqsSettings) -> dict[str, str]:
    owner = {"QueueOwnerAWSAccountId": given.owner} if given.owner else {}
    return {"QueueName": given.queue, **owner}


class SqsInput:
    """Reads the objects that messages of the queue in *settings* name, for *plugin*.

    :ivar needs: what it does once it is open.
    """

    def __init__(
        self, plugin: str, aws: AwsSettings, settings: SqsSettings, limits: Limits, clock: Clock = SYSTEM
    ) -> None:
        self._clock = clock
        self._plugin = plugin
        self._aws = aws
        self._settings = settings
        self._limits = limits
        self._name = f"sqs://{settings.queue}"
        self._failures = Failures(f"{plugin}: {self._name}", BackOff(longest=60), clock)
        self._waiting = Waiting(settings.concurrency + 1, self._idle, clock)
        # A cursor from before the worker's restart may be acknowledged now.
        self._life = secrets.token_hex(8)
        self._serial = 0
        self._read: deque[tuple[int, _Message]] = deque()
        self._to_fetch: deque[tuple[_Message, Named]] = deque()
        self._ahead: deque[tuple[_Message, Named, Pending[ObjectBody]]] = deque()
        self._not_before = 0.0
        self._told: set[str] = set()
        self._messages: Messages | None = None
        self.needs = Needs()

    @property
    def limits(self) -> Limits:
        """The largest sizes of texts."""
        return self._limits

    @property
    def done(self) -> float | None:
        """None: the queue never ends."""
        return None

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Read the credentials. Whether the queue exists is found out later, repeatedly.

        :raises SourceError: there are no credentials, or the region is not known.
        """
        self._refusals = refusals
        session = AwsSession(self._plugin, self._aws)
        self._sqs = session.client("sqs", connections=4)
        self._s3 = session.client("s3", connections=self._settings.concurrency)
        exchanges = session.exchanges(connections=self._settings.concurrency + 1)
        self._waiting.driven = exchanges
        self._direct = session.direct_gets(self._s3, exchanges)
        self._posts = session.direct_posts(self._sqs, exchanges)
        self.needs = session.needs

    def texts(self) -> Iterator[Texts]:
        """Yield the texts of one object after the other."""
        url = yield from self._url()
        queue = Queue(self._sqs, self._name, url, self._settings.hidden, self._posts)
        self._messages = Messages(queue, self._plugin, self._clock)
        self._messages.start()
        receiving: Pending[list[Message]] | None = None
        while True:
            if receiving is None and self._wants_more():
                receiving = self._waiting.ask(
                    lambda take: queue.ask_receive(_LISTEN, take),
                    lambda failed: queue.receive(_LISTEN, failed=failed),
                )
            if receiving is not None and receiving.done():
                self._take(self._messages, receiving)
                receiving = None
            self._fetch()
            if self._ahead:
                yield from self._next(self._messages)
            else:
                yield self._idle()
                if receiving is None:
                    self._clock.sleep(IDLE)
                    self._waiting.go_on()
                else:
                    self._waiting.look(receiving, IDLE)

    def ack(self, cursor: str) -> None:
        """Delete the messages up to *cursor*."""
        life, _, serial = cursor.partition(":")
        if life != self._life or self._messages is None:
            return
        handles = []
        while self._read and self._read[0][0] <= int(serial):
            handles.append(self._read.popleft()[1].handle)
        more = bool(self._read or self._ahead or self._to_fetch)
        if not self._settings.delete:
            self._messages.forget(handles)
        elif handles or not more:
            self._messages.delete(handles, more=more)

    def close(self) -> None:
        """Give back the messages that are not done."""
        driven = self._waiting.driven
        if self._messages is not None:
            self._messages.close(None if driven is None else driven.drive)
        self._waiting.close()

    def _idle(self) -> Texts:
        return Texts(NOWHERE, [], self._cursor)

    @property
    def _cursor(self) -> str:
        return f"{self._life}:{self._serial}"

    def _url(self) -> Yielding[str]:
        """Return the queue's address, as soon as SQS returns it."""
        while True:
            try:
                return (yield from self._waiting.end(self._asked_url()))
            except AwsError as error:
                yield from self._waiting.pause(self._failures.failed(error))

    def _asked_url(self) -> Pending[str]:
        given = self._settings
        return self._waiting.ask(
            lambda take: ask_queue_url(self._posts, given, take),
            lambda failed: queue_url(self._sqs, given, self._posts, failed=failed),
        )

    def _wants_more(self) -> bool:
        in_hand = len(self._to_fetch) + len(self._ahead)
        enough = in_hand >= self._settings.concurrency or len(self._read) >= _MOST_READ
        return not enough and self._clock.monotonic() >= self._not_before

    def _take(self, messages: Messages, receiving: Pending[list[Message]]) -> None:
        try:
            received = receiving.result()
        except AwsError as error:
            self._not_before = self._clock.monotonic() + self._failures.failed(error)
            return
        self._failures.succeeded()
        messages.hold(each["ReceiptHandle"] for each in received)
        for each in received:
            deliveries = int(each["Attributes"]["ApproximateReceiveCount"])
            message = _Message(each["MessageId"], each["ReceiptHandle"], deliveries)
            try:
                objects = named(each["Body"])
            except Unknown as unknown:
                self._fail(messages, message, str(unknown), for_good=True)
                continue
            message.left = len(objects)
            self._to_fetch.extend((message, one) for one in objects)
            if not objects:
                self._finish(message)

    def _fetch(self) -> None:
        """Start to fetch as many objects ahead as allowed."""
        while self._to_fetch and len(self._ahead) < self._settings.concurrency:
            message, one = self._to_fetch[0]
            bucket = Bucket(self._s3, one.bucket, self._direct)
            if self._ahead and bucket.is_learning:
                break
            self._to_fetch.popleft()
            if not message.failed:
                self._ahead.append((message, one, self._fetched(bucket, one.key)))

    def _fetched(self, bucket: Bucket, key: str) -> Pending[ObjectBody]:
        return self._waiting.ask(
            lambda take: bucket.ask_body(key, take), lambda failed: bucket.body(key, failed=failed)
        )

    def _next(self, messages: Messages) -> Yielding[None]:
        message, one, fetched = self._ahead.popleft()
        try:
            body = yield from self._waiting.end(fetched)
            yield from body.texts(self._limits, self._refusals, lambda: self._cursor, self._is_next_there)
        except AwsError as error:
            if not message.failed:
                self._object_failed(messages, message, one, error)
            return
        message.left -= 1
        if not message.left:
            self._finish(message)

    def _is_next_there(self) -> bool:
        return bool(self._ahead) and self._waiting.look(self._ahead[0][2])

    def _finish(self, message: _Message) -> None:
        """Record that all objects of *message* were passed on."""
        self._serial += 1
        self._read.append((self._serial, message))

    def _object_failed(self, messages: Messages, message: _Message, one: Named, error: AwsError) -> None:
        for_good = error.code in _FOR_GOOD
        if not for_good and not is_about_the_object(error):
            self._not_before = self._clock.monotonic() + self._failures.failed(error)
        self._fail(messages, message, f"s3://{one.bucket}: {error.reason}", for_good=for_good)

    def _fail(self, messages: Messages, message: _Message, reason: str, *, for_good: bool) -> None:
        """Have *message* delivered again later; much later if trying again is useless."""
        message.failed = True
        if for_good and message.deliveries >= self._settings.tries:
            self._refusals.add(PUT_ASIDE, f"{self._name}, message {message.id}: {reason}")
            messages.give_back(message.handle, _ASIDE)
            return
        if reason not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(reason)
            log.warning("%s: %s: message %s: %s; trying again", self._plugin, self._name, message.id, reason)
        messages.give_back(message.handle, min(_LATER, _FIRST << min(max(message.deliveries - 1, 0), 10)))
