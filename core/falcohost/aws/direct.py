"""Gets objects of S3 with less work than boto3's, once boto3 has got one of the same bucket.

A request of boto3 takes 0.6 ms of Python: most of that finds out anew where a bucket is, and how to ask. So its first
request to a bucket is remembered as it was sent, and later ones are made like it, and sent over connections of urllib3,
as boto3's are. What is not answered with the object is asked for again by boto3, which decides what it means.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from falcohost.aws.signing import signed

#: How boto3 signs requests that can be made like it: by the version 4 of signatures, for S3 in one region.
_SIGNED: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=[^ ]+/\d{8}/([^/, ]+)/s3/aws4_request,")

#: Headers that each request has anew.
_ANEW: Final = {"authorization", "range", "if-match"}
_ANEW_PREFIXES: Final = ("x-amz-", "amz-sdk-")

#: Most buckets that are remembered, and times that a request made alike may fail where boto3's does not.
MOST: Final = 256
_FAILURES: Final = 3


class Got(NamedTuple):
    """An object's bytes, its ETag, and which bytes they are, as ``Content-Range`` has it (None: all)."""

    data: bytes
    etag: str
    span: str | None


class Credentials(Protocol):
    """The credentials of a session, which botocore renews."""

    def get_frozen_credentials(self) -> Any:
        """Return those that are valid now."""


class _Like(NamedTuple):
    """What requests to one bucket have in common; *begin* is an object's URL without its key."""

    begin: str
    region: str
    headers: dict[str, str]


class _Way(NamedTuple):
    """Where requests to one bucket go, and what they have in common.

    :ivar pool: urllib3's connections to *host*, or to the proxy for it.
    :ivar path: the path of an object without its key.
    :ivar target: what is asked for, without the key: *path*, or of a proxy that forwards the whole URL.
    """

    pool: Any
    host: str
    path: str
    target: str
    region: str
    headers: dict[str, str]


class DirectGets:
    """Makes requests like those of boto3's S3 *client*.

    :param credentials: those of its session.
    :param connections: urllib3's ``PoolManager`` or ``ProxyManager``.
    """

    def __init__(self, client: Any, credentials: Credentials, connections: Any) -> None:
        self._credentials = credentials
        self._connections = connections
        self._seen = threading.local()
        self._buckets: dict[str, _Way] = {}
        self._failures: dict[str, int] = {}
        for asked in ("GetObject", "ListObjectsV2"):
            client.meta.events.register(f"before-send.s3.{asked}", self._see)

    def get(self, bucket: str, key: str, span: str) -> Got | None:
        """Return the bytes *span* of an object; None: boto3 has to ask for them."""
        way, self._seen.failed = self._buckets.get(bucket), False
        if way is None:
            return None
        got = None
        with contextlib.suppress(Exception):  # boto3 finds out why
            got = self._asked(way, key, span)
        self._seen.failed = got is None
        return got

    def learn(self, bucket: str, key: str = "") -> None:
        """Take note that boto3 has just got the object *key*, in this thread; empty: it has listed objects."""
        seen = self._seen
        request, seen.request = getattr(seen, "request", None), None
        if key and getattr(seen, "failed", False):
            seen.failed = False
            self._failures[bucket] = self._failures.get(bucket, 0) + 1
            self._buckets.pop(bucket, None)
        known = len(self._buckets) < MOST and self._failures.get(bucket, 0) < _FAILURES
        if request is not None and known and (like := _like(request, key)) is not None:
            self._buckets[bucket] = self._way(like)

    def _see(self, request: Any, **given: Any) -> None:
        self._seen.request = request

    def _way(self, like: _Like) -> _Way:
        where = urlsplit(like.begin)
        is_forwarded = self._connections.proxy is not None and where.scheme == "http"
        target = like.begin if is_forwarded else where.path
        pool = self._connections.connection_from_url(like.begin)
        return _Way(pool, where.netloc, where.path, target, like.region, like.headers)

    def _asked(self, way: _Way, key: str, span: str) -> Got | None:
        quoted = _quoted(key)
        credentials = self._credentials.get_frozen_credentials()
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        own = signed(credentials, way.region, at, way.host, way.path + quoted, span)
        answer = way.pool.urlopen(
            "GET",
            way.target + quoted,
            headers=way.headers | own,
            retries=False,
            redirect=False,
            assert_same_host=False,  # a proxy is asked for another one's
            decode_content=False,
        )
        data: bytes = answer.data
        size, etag = answer.headers.get("content-length"), answer.headers.get("etag")
        if answer.status not in (200, 206) or size != str(len(data)) or etag is None:
            return None
        return Got(data, etag, answer.headers.get("content-range"))


def _quoted(key: str) -> str:
    return quote(key, safe="/~")


def _like(request: Any, key: str) -> _Like | None:
    """Return what a *request* for the object *key*, or for a list, has in common with requests for other objects.

    None: it is of a kind that cannot be made here.
    """
    headers = {name: _text(value) for name, value in request.headers.items()}
    matched = _SIGNED.match(headers.get("Authorization", ""))
    path = f"/{_quoted(key)}" if key else ""
    where, _, asked = request.url.partition("?")
    where = where if key else where.removesuffix("/")
    if matched is None or bool(asked) is bool(key) or not where.endswith(path):
        return None
    kept = {
        name: value
        for name, value in headers.items()
        if name.lower() not in _ANEW and not name.lower().startswith(_ANEW_PREFIXES)
    }
    return _Like(f"{where.removesuffix(path)}/", matched[1], kept)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
