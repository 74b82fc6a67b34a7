"""Receives a request's body: limits its size, decompresses gzip, and reads it when it is complete."""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import islice

import msgspec

from falcohost.jsonlog import brackets
from falcohost.jsonlog.decode import MALFORMED, mended, whole_record
from falcohost.jsonlog.refusals import BAD_GZIP, NOT_JSON, TOO_DEEP, TOO_LARGE, Refused

_PLAIN, _GZIP = ("", "identity"), ("gzip", "x-gzip")

#: Bytes that are decompressed at a time.
_STEP = 256 << 10

#: Bytes of a body of several members of gzip that are decompressed at a time: what is behind a member is copied.
_PIECE = 4 << 10

#: Parts that are kept before they are joined.
_PARTS = 1024

#: Bytes of a body of lines that are searched for a valid line; the search blocks other requests.
_HEAD = 64 << 10

#: Parts of a damaged body that are looked at for a record, about 50 ms; one of 12 MB may have 6 million that are none.
_PARTS_SEARCHED = 10_000

_begins_as_records = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]").match
_values = msgspec.json.Decoder(msgspec.Raw).decode_lines


class Rejected(Exception):
    """The request is answered with *status* and the message.

    :ivar cause: the cause by which it is counted as lost; empty if it will be sent again, or its sender is not known.
    """

    def __init__(self, status: HTTPStatus, text: str, cause: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.cause = cause


class Body:
    """Collects a body of at most *limit* bytes, compressed and decompressed.

    :param hold: reserves memory for so many bytes; returns whether there was enough.
    :param release: releases it.
    :raises Rejected: the encoding is not supported.
    """

    def __init__(self, encoding: str, limit: int, hold: Callable[[int], bool], release: Callable[[int], None]) -> None:
        encoding = encoding.strip().lower()
        if encoding not in _PLAIN + _GZIP:
            text = f"the content encoding '{encoding[:40]}' is not supported; use none or gzip"
            raise Rejected(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
        self._gzip = zlib.decompressobj(wbits=31) if encoding in _GZIP else None
        self._limit = limit
        self._hold = hold
        self._release = release
        self._parts: list[bytes] = []
        self._sent = self._size = 0
        self._piece = limit

    def add(self, data: bytes) -> None:
        """Add *data*.

        :raises Rejected: the body is too large, or is not valid gzip.
        """
        self._sent += len(data)
        self._check(self._sent)
        if self._gzip is None:
            self._keep(data)
            return
        view, at = memoryview(data), 0
        try:
            while at < len(data):
                if self._gzip.eof:  # another member follows
                    self._gzip, self._piece = zlib.decompressobj(wbits=31), _PIECE
                piece = view[at : at + self._piece]
                self._keep(self._gzip.decompress(piece, _STEP))
                at += len(piece) - len(self._gzip.unused_data or self._gzip.unconsumed_tail)
        except zlib.error as error:
            raise Rejected(HTTPStatus.BAD_REQUEST, BAD_GZIP, BAD_GZIP) from error

    def whole(self, read: Callable[[bytes], bytes]) -> bytes:
        """Return the complete body converted by *read*; it counts against the memory limit until it is answered.

        :raises Rejected: it is incomplete, *read* refuses it, or there is not enough memory.
        """
        if self._gzip is not None and not self._gzip.eof:
            raise Rejected(HTTPStatus.BAD_REQUEST, BAD_GZIP, BAD_GZIP)
        text = read(b"".join(self._parts))
        if not self._hold(len(text) - self._size):
            raise _no_room()
        self._parts, self._size = [], 0
        return text

    def drop(self) -> None:
        """Discard the body and release its memory."""
        self._release(self._size)
        self._parts, self._size = [], 0

    def _keep(self, data: bytes) -> None:
        self._check(self._size + len(data))
        if not self._hold(len(data)):
            raise _no_room()
        self._size += len(data)
        self._parts.append(data)
        if len(self._parts) >= _PARTS:  # each takes more memory than it has bytes if these are few
            self._parts = [b"".join(self._parts)]

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise too_large(self._limit)


def too_large(limit: int) -> Rejected:
    """Return the rejection of a body of more than *limit* bytes."""
    text = f"the body is larger than {limit} bytes, as sent or decompressed"
    return Rejected(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, TOO_LARGE)


def _no_room() -> Rejected:
    return Rejected(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests are waiting to be stored; send it again later")


def problem(body: bytes) -> str | None:
    """Return why *body* contains no records; None if it contains some, even if other parts are invalid.

    Of a damaged body, that is told by its first parts.
    """
    cause = NOT_JSON
    try:
        if _holds_records(body):
            return None
    except RecursionError:
        cause = TOO_DEEP
    if any(map(_is_record, islice(_parts(body), _PARTS_SEARCHED))):
        return None
    head = body if len(body) <= _HEAD else body[:_HEAD].rpartition(b"\n")[0]
    return None if any(map(_can_be_read, head.split(b"\n"))) else cause


def _holds_records(text: bytes) -> bool:
    if _begins_as_records(text) is None:
        return False
    return _is_json(text) or _is_json(mended(text))


def _parts(text: bytes) -> Iterator[bytes]:
    """Yield what may be a record of a *text* that is no JSON: its objects, and the items of arrays in these."""
    if _begins_as_records(text) is None:
        return
    with contextlib.suppress(brackets.Broken):
        for begin, end in brackets.values(text):
            value = text[begin:end]
            yield value
            starts = [1] if value[:1] == b"[" else [at for _, at in brackets.arrays(value)]
            for at in starts:
                yield from (value[first:last] for first, last in brackets.items(value, at))


def _is_record(text: bytes) -> bool:
    try:
        whole_record(text)
    except Refused:
        return False
    return True


def _is_json(text: bytes) -> bool:
    try:
        _values(text)
    except MALFORMED:
        return False
    return True


def _can_be_read(line: bytes) -> bool:
    try:
        return _holds_records(line) or _is_record(line)
    except RecursionError:
        return False
