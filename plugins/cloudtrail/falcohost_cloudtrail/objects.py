"""Lists and reads S3 objects; only a part of each is held in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from falcohost.aws import AwsError, asked, clock
from falcohost.jsonlog import MIB, Limits, Origin, Refusals, Refused, Texts, read_blocks, texts
from falcohost_cloudtrail.rounds import Listed

#: Size of the parts in which objects are fetched, in bytes; nearly every object fits into one.
PART = 4 * MIB

#: Records are identified by their content, which has a unique id: a record that is delivered twice is one event.
_IDENT = "cloudtrail"

_EMPTY = "InvalidRange"


@dataclass(frozen=True, slots=True)
class ListingPage:
    """A page of a listing, *at* a time of S3's clock; *token* continues the listing, None at its end."""

    objects: list[Listed]
    at: float
    token: str | None


class Direct(Protocol):
    """Gets objects with less work than boto3's (:meth:`falcohost.aws.AwsSession.direct_gets`)."""

    def get(self, bucket: str, key: str, span: str) -> Any:
        """Return the bytes *span* of an object as ``data``, its ``etag``, and its ``span``; None: ask boto3."""

    def learn(self, bucket: str, key: str = "") -> None:
        """Take note that boto3 has just got the object *key*, or a listing, in this thread."""


class Bucket:
    """The bucket *name*, used through boto3's S3 *client*; *direct*: gets objects with less work."""

    def __init__(self, client: Any, name: str, direct: Direct | None = None) -> None:
        self._client = client
        self._direct = direct
        self.name = name

    def folders(self, prefix: str) -> list[str]:
        """Return the prefixes directly below *prefix*, up to the next slash.

        :raises AwsError: S3 did not answer, or refused.
        """
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix, Delimiter="/")
        found = asked(f"s3://{self.name}/{prefix}", lambda: list(pages))
        return [str(each["Prefix"]) for page in found for each in page.get("CommonPrefixes", [])]

    def page(self, prefix: str, begin: str, token: str | None) -> ListingPage:
        """Return objects whose keys begin with *prefix* and are greater than *begin*.

        :raises AwsError: S3 did not answer, or refused.
        """
        where = {"ContinuationToken": token} if token else {"StartAfter": begin}
        found = asked(
            f"s3://{self.name}/{prefix}",
            lambda: self._client.list_objects_v2(Bucket=self.name, Prefix=prefix, **where),
        )
        if self._direct is not None:
            self._direct.learn(self.name)
        listed = [Listed(each["Key"], each["LastModified"].timestamp()) for each in found.get("Contents", [])]
        return ListingPage(listed, clock(found), found.get("NextContinuationToken"))

    def body(self, key: str) -> ObjectBody:
        """Return the object *key*, with its first part fetched.

        :raises AwsError: S3 did not answer, or refused.
        """
        body = ObjectBody(self, key)
        body.fetch()
        return body

    def part(self, key: str, begin: int, etag: str) -> tuple[bytes, int, str]:
        """Return a part of an object from byte *begin* on, the object's size, and its ETag (*etag*, if that is given).

        :raises AwsError: S3 did not answer, or refused.
        """
        same = {"IfMatch": etag} if etag else {}
        span = f"bytes={begin}-{begin + PART - 1}"

        def get() -> tuple[bytes, int, str]:
            direct = None if etag else self._direct
            got = None if direct is None else direct.get(self.name, key, span)
            if got is not None:
                return got.data, _size(got.span, got.data), got.etag
            found = self._client.get_object(Bucket=self.name, Key=key, Range=span, **same)
            data: bytes = found["Body"].read()
            if direct is not None:
                direct.learn(self.name, key)
            return data, _size(found.get("ContentRange"), data), found["ETag"]

        try:
            return asked(f"s3://{self.name}/{key}", get)
        except AwsError as error:
            if error.code == _EMPTY and not begin:
                return b"", 0, ""
            raise


def _size(span: str | None, data: bytes) -> int:
    """Return the size of an object of which *data* are the bytes *span*, as ``Content-Range`` has it; None: all."""
    return len(data) if span is None else int(span.rpartition("/")[2])


class ObjectBody:
    """The bytes of the object *key*, fetched in parts."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._part = memoryview(b"")
        self._fetched = 0
        self._size = 0
        self._etag = ""

    def fetch(self) -> None:
        """Fetch the next part.

        :raises AwsError: S3 did not answer or refused, or the object was overwritten.
        """
        part, self._size, self._etag = self._bucket.part(self._key, self._fetched, self._etag)
        self._part = memoryview(part)
        self._fetched += len(part)

    def texts(self, limits: Limits, refusals: Refusals) -> Iterator[Texts]:
        """Yield the texts in the object; what cannot be read is counted in *refusals*.

        :raises AwsError: a part could not be fetched.
        """
        origin = Origin(f"s3://{self._bucket.name}/{self._key}", _IDENT, by_content=True)

        def refuse(cause: str, offset: int) -> None:
            refusals.add(cause, f"{origin.name}, byte {offset}")

        try:
            for items in texts(read_blocks(self._read), limits.document, refuse):
                yield Texts(origin, items)
        except Refused as refused:
            refusals.add(str(refused), origin.name)
            if refused.rest:
                yield Texts(origin, refused.rest, is_cut_off=True)

    def _read(self, size: int) -> bytes:
        if not self._part and self._fetched < self._size:
            self.fetch()
        data, self._part = self._part[:size], self._part[size:]
        return bytes(data)
