"""Reads the objects of a bucket (``s3://BUCKET/PREFIX``), each of them once; ends, or follows new ones."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from falcohost.aws import AwsError, AwsSession, AwsSettings, is_about_the_object
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Limits, Pace, Refusals, Texts
from falcohost.needs import Needs
from falcohost.poll import BackOff, Failures
from falcohost_cloudtrail import layout
from falcohost_cloudtrail.interval import read_interval
from falcohost_cloudtrail.objects import Bucket, ListingPage, ObjectBody
from falcohost_cloudtrail.rounds import Cursor, Listed, Partition, Round, span
from falcohost_cloudtrail.waiting import NOWHERE, Pending, Waiting, Yielding

UNREADABLE = "object that cannot be read"

#: AWS's error codes for an object that no longer exists, or is in an archive.
_FOR_GOOD = {"NoSuchKey", "InvalidObjectState"}

#: Defaults: seconds by which an object may be late, and number of objects that are fetched ahead.
LATE = 6 * 3600
CONCURRENCY = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """The objects to read.

    :ivar interval: Falco's ``s3Interval``.
    :ivar accounts: the accounts whose logs are read; empty: all.
    :ivar every: seconds between two listings; 0: list once, and end.
    :ivar late: seconds by which an object may be late.
    """

    bucket: str
    prefix: str = ""
    interval: str = ""
    accounts: tuple[str, ...] = ()
    every: int = 0
    late: int = LATE
    concurrency: int = CONCURRENCY


class S3Input:
    """Reads the objects that *settings* select, for *plugin*.

    :ivar needs: what it does once it is open.
    """

    def __init__(
        self, plugin: str, aws: AwsSettings, settings: S3Settings, limits: Limits, clock: Clock = SYSTEM
    ) -> None:
        self._plugin = plugin
        self._aws = aws
        self._settings = settings
        self._limits = limits
        name = f"{plugin}: s3://{settings.bucket}"
        self._failures = Failures(name, BackOff(longest=60), clock, once=not settings.every)
        self._pace = Pace(lambda: self._cursor)
        self._waiting = Waiting(settings.concurrency + 1, lambda: Texts(NOWHERE, [], self._pace.cursor()), clock)
        self._ahead: deque[tuple[Listed, Pending[ObjectBody]]] = deque()
        self._done: float | None = None
        self.needs = Needs()

    @property
    def limits(self) -> Limits:
        """The largest sizes of texts."""
        return self._limits

    @property
    def done(self) -> float | None:
        """The share of the bucket's parts that was read, if the bucket is read once."""
        return self._done

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Read the credentials. Whether the bucket exists is found out later, repeatedly.

        :raises ConfigError: the interval is not valid.
        :raises SourceError: there are no credentials.
        """
        self._refusals = refusals
        self._cursor = self._begin(cursor)
        session = AwsSession(self._plugin, self._aws)
        client = session.client("s3", connections=self._settings.concurrency + 1)
        exchanges = session.exchanges(connections=self._settings.concurrency)
        direct = session.direct_gets(client, exchanges)
        self._waiting.driven = exchanges
        self.needs = session.needs
        self._bucket = Bucket(client, self._settings.bucket, direct)

    def texts(self) -> Iterator[Texts]:
        """Yield the texts of one object after the other."""
        every = self._settings.every
        while True:
            yield from self._look()
            if not every:
                break
            yield from self._waiting.pause(every)
        yield Texts(NOWHERE, [], self._pace.cursor(now=True))

    def ack(self, cursor: str) -> None:
        """Do nothing: objects are not deleted."""

    def close(self) -> None:
        """Stop fetching."""
        self._waiting.close()

    def _begin(self, text: str | None) -> Cursor:
        given = self._settings
        interval = read_interval(given.interval, datetime.now(UTC))
        where = [given.bucket, given.prefix, given.interval, *given.accounts]
        if text is not None:
            try:
                cursor = msgspec.json.decode(text, type=Cursor)
            except (msgspec.DecodeError, UnicodeError):
                cursor = Cursor()
            if cursor.where == where:
                return cursor
        return Cursor(where, interval.start, interval.end)

    def _look(self) -> Yielding[None]:
        """Read new objects in all parts of the bucket; parts with errors are tried again after the others."""
        left = yield from self._partitions()
        count = len(left)
        while left:
            failed = []
            for number, prefix in enumerate(left):
                if not self._settings.every:
                    self._done = (count - len(left) + number) / count
                try:
                    yield from self._read_partition(prefix)
                    self._failures.succeeded()
                except AwsError as error:
                    failed.append((prefix, error))
            left = [prefix for prefix, _ in failed]
            if failed:
                yield from self._waiting.pause(self._failures.failed(failed[0][1]))

    def _partitions(self) -> Yielding[list[str]]:
        given = self._settings
        while True:
            looking = layout.partitions(given.prefix, given.accounts)
            found: list[str] = []
            answer: list[str] | None = None
            try:
                while True:
                    each = looking.send(answer)
                    answer = None
                    if isinstance(each, layout.Below):
                        answer = yield from self._folders(each.folder)
                    else:
                        found.append(each)
            except StopIteration:
                return found
            except AwsError as error:
                yield from self._waiting.pause(self._failures.failed(error))

    def _folders(self, folder: str) -> Yielding[list[str]]:
        """Return the folders right below *folder*.

        :raises AwsError: S3 did not answer, or refused.
        """
        page = yield from self._waiting.end(self._listing(folder, "", None, delimiter="/"))
        found = page.folders
        while page.token is not None:
            page = yield from self._waiting.end(self._listing(folder, "", page.token, delimiter="/"))
            found += page.folders
        return found

    def _read_partition(self, prefix: str) -> Yielding[None]:
        """Read new objects whose keys begin with *prefix*.

        :raises AwsError: S3 did not answer, or refused; what was read before counts.
        """
        state = self._cursor.partitions.setdefault(prefix, Partition())
        begin, end = span(prefix, state, self._cursor.interval, time.time(), self._settings.late)
        page = yield from self._waiting.end(self._listing(prefix, begin, None))
        now = Round(prefix, state, page.at, self._settings.late)
        yield from self._read_missed(now)
        self._ahead = ahead = deque[tuple[Listed, Pending[ObjectBody]]]()
        interval, accounts = self._cursor.interval, self._settings.accounts
        while True:
            following = self._following(prefix, page, end)
            for listed in page.objects:
                if now.is_new(listed) and layout.is_wanted(listed.key, interval, accounts):
                    ahead.append((listed, self._fetched(listed.key)))
                    if len(ahead) > self._settings.concurrency:
                        yield from self._read(now, *ahead.popleft())
            if following is None:
                break
            page = yield from self._waiting.end(following)
        while ahead:
            yield from self._read(now, *ahead.popleft())
        now.close()
        self._pace.move()

    def _following(self, prefix: str, page: ListingPage, end: str | None) -> Pending[ListingPage] | None:
        if page.token is None or (end is not None and page.objects and page.objects[-1].key >= end):
            return None
        return self._listing(prefix, "", page.token)

    def _listing(self, prefix: str, begin: str, token: str | None, *, delimiter: str = "") -> Pending[ListingPage]:
        bucket = self._bucket
        return self._waiting.ask(
            lambda take: bucket.ask_page(prefix, begin, token, take, delimiter=delimiter),
            lambda failed: bucket.page(prefix, begin, token, delimiter=delimiter, failed=failed),
        )

    def _fetched(self, key: str) -> Pending[ObjectBody]:
        bucket = self._bucket
        return self._waiting.ask(
            lambda take: bucket.ask_body(key, take), lambda failed: bucket.body(key, failed=failed)
        )

    def _read(self, now: Round, listed: Listed, fetched: Pending[ObjectBody]) -> Yielding[None]:
        try:
            yield from self._texts(fetched)
        except AwsError as error:
            is_for_good = error.code in _FOR_GOOD
            if not is_about_the_object(error) or not (is_for_good or now.has_room):
                raise
            self._refusals.add(UNREADABLE, error)
            (now.handled if is_for_good else now.missed)(listed)
        else:
            now.handled(listed)
        self._pace.move()

    def _read_missed(self, now: Round) -> Yielding[None]:
        for key in now.missed_before:
            try:
                yield from self._texts(self._fetched(key))
            except AwsError as error:
                if not is_about_the_object(error):
                    raise
                if error.code not in _FOR_GOOD:
                    continue
            now.found(key)
            self._pace.move()

    def _texts(self, fetched: Pending[ObjectBody]) -> Yielding[None]:
        body = yield from self._waiting.end(fetched)
        yield from body.texts(self._limits, self._refusals, self._pace.cursor, self._is_next_there)

    def _is_next_there(self) -> bool:
        return bool(self._ahead) and self._waiting.look(self._ahead[0][1])
