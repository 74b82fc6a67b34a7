"""Asks S3 and SQS with less work than boto3's, for what boto3 would ask.

A request of boto3 takes 0.6 ms of Python: most of that finds out anew where a bucket is, and how to ask. So boto3 makes
one request to a bucket, or to SQS, which is looked at and not sent. Those that are sent are made like it, over
connections that the source's own thread drives. What is not answered as expected is asked for again by boto3, which
decides what it means; what it has sent then is the model.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from falcohost.aws.connection import Answer, Server
from falcohost.aws.exchanges import Exchanges
from falcohost.aws.listing import Page, read_page
from falcohost.aws.signing import Asked, signed

T = TypeVar("T")

#: How boto3 signs requests that can be made like it: by the version 4 of signatures, for one region.
_SIGNED: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=[^ ]+/\d{8}/([^/, ]+)/(s3|sqs)/aws4_request,")

_TIME: Final = "%Y%m%dT%H%M%SZ"

#: Headers of SQS that are signed, the first before and the second after those of the signature. The second is the
#: service and the operation.
_OF_SQS: Final = ("Content-Type", "X-Amz-Target")

#: All of SQS, as there are ways of buckets: a queue is named by the request's parameters only.
_SQS: Final = "sqs"

#: A key, and a queue, for requests that are not sent.
_ANY: Final = "any"

#: Headers that each request has anew, or does without.
_ANEW: Final = {"authorization", "range", "if-match", "content-length", "content-type"}
_ANEW_PREFIXES: Final = ("x-amz", "amz-sdk-")

#: Most buckets that are remembered, since who sends messages names them; and times that a request made alike may fail
#: where boto3's does not.
MOST: Final = 256
_FAILURES: Final = 3

#: Most bytes of a page of a listing, and of an answer of SQS: a thousand keys, or ten messages.
_PAGE: Final = 8 << 20
_MESSAGES: Final = 16 << 20


class Got(NamedTuple):
    """An object's bytes, its ETag, and which bytes they are, as ``Content-Range`` has it (None: all)."""

    data: bytes
    etag: str
    span: str | None


class Credentials(Protocol):
    """The credentials of a session, which botocore renews."""

    def get_frozen_credentials(self) -> Any:
        """Return those that are valid now."""


class Via(NamedTuple):
    """The proxy by which a service is asked, and headers for it; None: the service is asked itself."""

    proxy: tuple[str, int] | None = None
    headers: str = ""


class _Like(NamedTuple):
    """What requests to one bucket or to SQS have in common; *begin* is the URL, of an object without its key."""

    begin: str
    region: str
    headers: dict[str, str]


class _Way(NamedTuple):
    """Where requests to one bucket or to SQS go, and what they have in common.

    :ivar path: the path, of an object without its key.
    :ivar before: what precedes the path in a request: for a proxy that forwards, the rest of the URL.
    :ivar signed: headers that are signed, before and after those of AWS, as they are signed; the last one without the
        operation.
    :ivar more: the headers that are not signed, each with its end of line.
    """

    server: Server
    path: str
    before: str
    region: str
    signed: str
    signed_last: str
    more: str


class _NotSent(Exception):
    """Ends a request of boto3 before it is sent."""


class _Seen(threading.local):
    """What boto3 asks in a thread: the last request, and whether it is only made to be looked at."""

    request: Any = None
    is_held: bool = False


class _Direct(ABC):
    """What remembers requests of *client*, and makes others like them."""

    def __init__(self, client: Any, credentials: Credentials, exchanges: Exchanges, via: Via, service: str) -> None:
        client.meta.events.register(f"before-send.{service}", self._see)
        self._client = client
        self._credentials = credentials
        self._exchanges = exchanges
        self._via = via
        self._service = service
        self._seen = _Seen()
        self._ways: dict[str, _Way] = {}
        self._guesses: set[str] = set()
        self._failures: dict[str, int] = {}
        self._others: dict[str, int] = {}

    def is_learning(self, name: str) -> bool:
        """Return whether something has been asked whose answer tells how to ask, so that it is worth to wait for it."""
        return name in self._guesses or (name not in self._ways and 0 < self._others.get(name, 0) <= _FAILURES)

    def _see(self, request: Any, **given: Any) -> None:
        self._seen.request = request
        if self._seen.is_held:
            raise _NotSent

    @abstractmethod
    def _model(self, name: str) -> _Like | None:
        """Have boto3 make a request; return what is like it."""

    def _guess(self, name: str) -> _Way | None:
        """Return how to ask by what boto3 would send; None: that is not known before it has sent something."""
        if max(len(self._ways), len(self._others)) >= MOST or name in self._others or name in self._failures:
            return None
        self._seen.is_held = True
        try:
            found = self._model(name)
        except Exception:  # boto3 says what is wrong when it is asked
            found = None
        finally:
            self._seen.is_held, self._seen.request = False, None
        if found is None:
            return None
        self._guesses.add(name)
        way = self._ways[name] = self._way(found)
        return way

    def _held(self, ask: Callable[[], object]) -> Any:
        """Return the request that boto3 makes to *ask*."""
        with contextlib.suppress(_NotSent):
            ask()
        return self._seen.request

    def _learn(self, name: str, like: Callable[[Any], _Like | None], *, failed: bool) -> None:
        """Remember the request that boto3 has just sent in this thread; *failed*: one of ours like it had failed."""
        request, self._seen.request = self._seen.request, None
        self._guesses.discard(name)
        if failed:
            self._failures[name] = self._failures.get(name, 0) + 1
            self._ways.pop(name, None)
        known = (name in self._ways or len(self._ways) < MOST) and self._failures.get(name, 0) < _FAILURES
        if request is not None and known and (found := like(request)) is not None:
            self._ways[name] = self._way(found)

    def _way(self, like: _Like) -> _Way:
        where = urlsplit(like.begin)
        is_tls = where.scheme == "https"
        assert where.hostname is not None
        server = Server(where.hostname, where.port or (443 if is_tls else 80), is_tls, *self._via)
        before = f"{where.scheme}://{where.netloc}" if server.is_forwarded else ""
        more = "".join(f"{name}: {text}\r\n" for name, text in like.headers.items() if name not in _OF_SQS)
        if server.is_forwarded:
            more += server.proxy_headers
        first, last = (f"{name.lower()}:{like.headers[name]}\n" if name in like.headers else "" for name in _OF_SQS)
        host = f"host:{where.netloc}\n"
        return _Way(server, where.path, before, like.region, f"{first}{host}", last.rpartition(".")[0], more)

    def _ask(
        self,
        name: str,
        make: Callable[[_Way], Asked],
        most: int,
        read: Callable[[Answer], T | None],
        take: Callable[[T | None], None],
    ) -> bool:
        """Ask for what *read* understands; return False if boto3 has to be asked."""
        way = None if self._has_to_renew() else self._ways.get(name) or self._guess(name)
        if way is None:
            if name in self._others or len(self._others) < MOST:
                self._others[name] = self._others.get(name, 0) + 1
            return False
        self._others.pop(name, None)

        # Those that are valid now: later they may have to be renewed, which is not waited for here.
        credentials = self._credentials.get_frozen_credentials()

        def taken(answer: Answer | None) -> None:
            found = None if answer is None else read(answer)
            if found is not None:
                self._failures.pop(name, None)
                self._guesses.discard(name)
            elif name in self._guesses:  # as boto3 is asked now
                self._guesses.discard(name)
                self._ways.pop(name, None)
                self._others[name] = 1
            take(found)

        self._exchanges.ask(way.server, partial(self._request, credentials, way, make(way)), most, taken)
        return True

    def _has_to_renew(self) -> bool:
        """Return whether credentials have to be asked for, which may take long: boto3 does so in a thread."""
        needed = getattr(self._credentials, "refresh_needed", None)
        return needed is not None and bool(needed())

    def _request(self, credentials: Any, way: _Way, asked: Asked) -> bytes:
        lines = signed(credentials, way.region, self._service, _time(int(time.time())), asked)
        size = f"content-length:{len(asked.body)}\r\n" if asked.body else ""
        query = f"?{asked.query}" if asked.query else ""
        head = f"{asked.method} {way.before}{asked.path}{query} HTTP/1.1\r\n{lines}{way.more}{size}\r\n"
        return head.encode("latin-1") + asked.body


class DirectGets(_Direct):
    """Makes requests like those of boto3's S3 *client*."""

    def __init__(self, client: Any, credentials: Credentials, exchanges: Exchanges, via: Via) -> None:
        super().__init__(client, credentials, exchanges, via, "s3")

    def get(self, bucket: str, key: str, size: int, take: Callable[[Got | None], None]) -> bool:
        """Ask for the first *size* bytes of an object; False: boto3 has to be asked. None is taken: so it has, too."""
        span = f"range:bytes=0-{size - 1}\n"

        def make(way: _Way) -> Asked:
            return Asked("GET", way.path + _quoted(key), "", f"{way.signed}{span}", "host;range;")

        return self._ask(bucket, make, size, _read_object, take)

    def _model(self, name: str) -> _Like | None:
        return _like_object(self._held(lambda: self._client.get_object(Bucket=name, Key=_ANY)), _ANY)

    def page(self, bucket: str, where: dict[str, str], take: Callable[[Page | None], None]) -> bool:
        """Ask for a page of a listing; *where* are the parameters of S3."""
        asked = {"encoding-type": "url", "list-type": "2", **where}
        query = "&".join(f"{name}={quote(asked[name], safe='-_.~')}" for name in sorted(asked))

        def make(way: _Way) -> Asked:
            return Asked("GET", way.path.removesuffix("/") or "/", query, way.signed, "host;")

        return self._ask(bucket, make, _PAGE, _read_page, take)

    def learn(self, bucket: str, key: str = "", *, failed: bool = False) -> None:
        """Take note that boto3 has just got the object *key*, in this thread; empty: it has listed objects.

        *failed*: what was asked for directly before was not answered.
        """
        self._learn(bucket, lambda request: _like_object(request, key), failed=failed)


class DirectPosts(_Direct):
    """Makes requests like those of boto3's SQS *client*."""

    def __init__(self, client: Any, credentials: Credentials, exchanges: Exchanges, via: Via) -> None:
        super().__init__(client, credentials, exchanges, via, "sqs")

    def _model(self, name: str) -> _Like | None:
        return _like_post(self._held(lambda: self._client.get_queue_url(QueueName=_ANY)))

    def ask(self, operation: str, body: bytes, take: Callable[[bytes | None], None]) -> bool:
        """Ask for *operation* with the parameters in *body*, as JSON; False: boto3 has to be asked."""

        def make(way: _Way) -> Asked:
            names = "content-type;host;", ";x-amz-target"
            last = f"{way.signed_last}.{operation}\n"
            return Asked("POST", way.path, "", way.signed, names[0], last, names[1], body)

        return self._ask(_SQS, make, _MESSAGES, _read_post, take)

    def learn(self, *, failed: bool = False) -> None:
        """Take note that boto3 has just asked for something, in this thread."""
        self._learn(_SQS, _like_post, failed=failed)


@lru_cache(maxsize=1)
def _time(seconds: int) -> str:
    """Return how a time is written in requests, many of which share a second."""
    return time.strftime(_TIME, time.gmtime(seconds))


def _read_object(answer: Answer) -> Got | None:
    etag = answer.headers.get("etag")
    if answer.status not in (200, 206) or etag is None:
        return None
    return Got(answer.data, etag, answer.headers.get("content-range"))


def _read_page(answer: Answer) -> Page | None:
    return read_page(answer.data, answer.headers.get("date", "")) if answer.status == 200 else None


def _read_post(answer: Answer) -> bytes | None:
    return answer.data if answer.status == 200 else None


def _quoted(key: str) -> str:
    return quote(key, safe="/~")


def _like_object(request: Any, key: str) -> _Like | None:
    """Return what a *request* for the object *key*, or for a list, has in common with requests for other objects.

    None: it is of a kind that cannot be made here.
    """
    path = f"/{_quoted(key)}" if key else ""
    where, _, asked = request.url.partition("?")
    where = where if key else where.removesuffix("/")
    if bool(asked) is bool(key) or not where.endswith(path):
        return None
    return _like(request, "s3", f"{where.removesuffix(path)}/")


def _like_post(request: Any) -> _Like | None:
    """Return what a *request* to SQS has in common with others; None: it is not of JSON."""
    like = _like(request, "sqs", request.url)
    return like if like is not None and set(_OF_SQS) <= set(like.headers) and "?" not in request.url else None


def _like(request: Any, service: str, begin: str) -> _Like | None:
    headers = {name: _text(value) for name, value in request.headers.items()}
    matched = _SIGNED.match(headers.get("Authorization", ""))
    if matched is None or matched[2] != service:
        return None
    its = _OF_SQS if service == "sqs" else ()
    kept = {
        name: value
        for name, value in headers.items()
        if name in its or (name.lower() not in _ANEW and not name.lower().startswith(_ANEW_PREFIXES))
    }
    return _Like(begin, matched[1], kept)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
