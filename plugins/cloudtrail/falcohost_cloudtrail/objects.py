"""Lists and reads S3 objects; only a part of each is held in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from falcohost.aws import AwsError, asked, clock
from falcohost.jsonlog import MIB, Limits, Origin, Refusals, Refused, Texts, read_blocks, texts, whole_document
from falcohost_cloudtrail.rounds import Listed

#: Size of the parts in which objects are fetched, in bytes; nearly every object fits into one.
PART = 4 * MIB

#: Records are identified by their content, which has a unique id: a record that is delivered twice is one event.
_IDENT = "cloudtrail"

_EMPTY = "InvalidRange"


@dataclass(frozen=True, slots=True)
class ListingPage:
    """A page of a listing, *at* a time of S3's clock; *token* continues the listing, None at its end.

    :ivar folders: the prefixes of more objects, up to a delimiter, if one was given.
    """

    objects: list[Listed]
    at: float
    token: str | None
    folders: list[str] = field(default_factory=list)


class Direct(Protocol):
    """Asks S3 with less work than boto3's (:meth:`falcohost.aws.AwsSession.direct_gets`).

    False: boto3 has to be asked. So it has if None is taken.
    """

    def get(self, bucket: str, key: str, size: int, take: Callable[[Any], None]) -> bool:
        """Have *take* called with the first *size* bytes of an object as ``data``, its ``etag``, and its ``span``."""

    def page(self, bucket: str, where: dict[str, str], take: Callable[[Any], None]) -> bool:
        """Have *take* called with the ``objects`` that are listed, the time ``at`` S3, and the ``token``."""

    def is_learning(self, name: str) -> bool:
        """Return whether boto3 is being asked for what tells how to ask the bucket directly."""

    def learn(self, bucket: str, key: str = "", *, failed: bool = False) -> None:
        """Take note that boto3 has just got the object *key*, or a listing, in this thread."""


class Bucket:
    """The bucket *name*, used through boto3's S3 *client*; *direct*: asks with less work."""

    def __init__(self, client: Any, name: str, direct: Direct | None = None) -> None:
        self._client = client
        self._direct = direct
        self.name = name

    def ask_page(
        self,
        prefix: str,
        begin: str,
        token: str | None,
        take: Callable[[ListingPage | None], None],
        *,
        delimiter: str = "",
    ) -> bool:
        """Ask directly for what :meth:`page` returns; False, or None taken: that has to be called."""

        def taken(page: Any) -> None:
            if page is not None:
                listed = [Listed(key, modified) for key, modified in page.objects]
                page = ListingPage(listed, page.at, page.token, page.folders)
            take(page)

        where = {"prefix": prefix, **({"continuation-token": token} if token else {"start-after": begin})}
        if delimiter:
            where["delimiter"] = delimiter
        return self._direct is not None and self._direct.page(self.name, where, taken)

    def ask_body(self, key: str, take: Callable[[ObjectBody | None], None]) -> bool:
        """Ask directly for what :meth:`body` returns; False, or None taken: that has to be called."""

        def taken(got: Any) -> None:
            try:
                body = None if got is None else ObjectBody(self, key, (got.data, _size(got.span, got.data), got.etag))
            except ValueError:  # the size is no number
                body = None
            take(body)

        return self._direct is not None and self._direct.get(self.name, key, PART, taken)

    @property
    def is_learning(self) -> bool:
        """Whether the next object may be got with less work once the one before is there."""
        return self._direct is not None and self._direct.is_learning(self.name)

    def folders(self, prefix: str) -> list[str]:
        """Return the prefixes directly below *prefix*, up to the next slash.

        :raises AwsError: S3 did not answer, or refused.
        """
        page = self.page(prefix, "", None, delimiter="/")
        found = page.folders
        while page.token is not None:  # boto3's paginator would read the folders of all services' descriptions
            page = self.page(prefix, "", page.token, delimiter="/")
            found += page.folders
        return found

    def page(
        self, prefix: str, begin: str, token: str | None, *, delimiter: str = "", failed: bool = False
    ) -> ListingPage:
        """Return objects whose keys begin with *prefix* and are greater than *begin*; *failed*: not directly.

        :param delimiter: keys that have it after *prefix* are left out, and what precedes it is among the folders.
        :raises AwsError: S3 did not answer, or refused.
        """
        where = {"ContinuationToken": token} if token else {"StartAfter": begin}
        if delimiter:
            where["Delimiter"] = delimiter

        def page() -> ListingPage:
            found = self._client.list_objects_v2(Bucket=self.name, Prefix=prefix, **where)
            if self._direct is not None:
                self._direct.learn(self.name, failed=failed)
            listed = [Listed(each["Key"], each["LastModified"].timestamp()) for each in found.get("Contents", [])]
            folders = [str(each["Prefix"]) for each in found.get("CommonPrefixes", [])]
            return ListingPage(listed, clock(found), found.get("NextContinuationToken"), folders)

        return asked(f"s3://{self.name}/{prefix}", page)

    def body(self, key: str, *, failed: bool = False) -> ObjectBody:
        """Return the object *key*, with its first part fetched; *failed*: it could not be asked for directly.

        :raises AwsError: S3 did not answer, or refused.
        """
        return ObjectBody(self, key, self.part(key, 0, "", failed=failed))

    def part(self, key: str, begin: int, etag: str, *, failed: bool = False) -> tuple[bytes, int, str]:
        """Return a part of an object from byte *begin* on, the object's size, and its ETag (*etag*, if that is given).

        :raises AwsError: S3 did not answer, or refused.
        """
        same = {"IfMatch": etag} if etag else {}
        span = f"bytes={begin}-{begin + PART - 1}"

        def get() -> tuple[bytes, int, str]:
            found = self._client.get_object(Bucket=self.name, Key=key, Range=span, **same)
            data: bytes = found["Body"].read()
            if self._direct is not None and not etag:
                self._direct.learn(self.name, key, failed=failed)
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
    """The bytes of the object *key*, fetched in parts; *first* is a part, the object's size and its ETag."""

    def __init__(self, bucket: Bucket, key: str, first: tuple[bytes, int, str]) -> None:
        self._bucket = bucket
        self._key = key
        self._part, self._size, self._etag = first
        self._at = 0
        self._fetched = len(self._part)

    def texts(
        self, limits: Limits, refusals: Refusals, cursor: Callable[[], str], is_next_there: Callable[[], bool]
    ) -> Iterator[Texts]:
        """Yield the texts in the object, each with *cursor*; what cannot be read is counted in *refusals*.

        :raises AwsError: a part could not be fetched.
        """
        origin = Origin(f"s3://{self._bucket.name}/{self._key}", _IDENT, by_content=True)

        def refuse(cause: str, offset: int) -> None:
            refusals.add(cause, f"{origin.name}, byte {offset}")

        more = is_next_there()
        yield Texts(origin, [], cursor(), more=more)  # what was decoded before is not held any more
        document = whole_document(self._part, limits.document) if self._fetched == self._size else None
        if document is not None:
            self._part = b""
            yield Texts(origin, [(0, document)], cursor(), more=more)
            return
        try:
            for items in texts(read_blocks(self._read), limits.document, refuse):
                yield Texts(origin, items, cursor(), more=more)
                if items:  # before that, what was unpacked is in the processor's cache
                    more = is_next_there()
        except Refused as refused:
            refusals.add(str(refused), origin.name)
            if refused.rest:
                yield Texts(origin, refused.rest, cursor(), is_cut_off=True, more=more)

    def _read(self, size: int) -> bytes:
        if not self._part and self._fetched < self._size:
            self._part, self._size, self._etag = self._bucket.part(self._key, self._fetched, self._etag)
            self._fetched += len(self._part)
        data = self._part[self._at : self._at + size]
        self._at += size
        if self._at >= len(self._part):  # what is read is not held while it is decoded
            self._part, self._at = b"", 0
        return data
