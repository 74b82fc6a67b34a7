"""The answers of a webhook: a status and a message as JSON."""

from __future__ import annotations

import functools
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import msgspec

#: Seconds after which a sender may try again.
RETRY_AFTER: Final = 2

#: What is said of requests that are not refused.
STORED: Final = "stored"
NOT_STORED: Final = "not stored yet; send it again (duplicates are ignored)"

#: Has a sender go on that waits for this before it sends the body.
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

#: Answers what is no HTTP.
MALFORMED: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def answer(
    status: HTTPStatus, text: str, *, closes: bool = False, bearer: bool = False, has_body: bool = True
) -> bytes:
    """Return an answer with the message *text*.

    :param closes: the connection is closed after it.
    :param bearer: a bearer token is asked for.
    :param has_body: False for the method HEAD.
    """
    return _answer(status, text, int(time.time()), closes=closes, bearer=bearer, has_body=has_body)


def stored() -> bytes:
    """Return the answer that everything is stored."""
    return _stored(int(time.time()))


@functools.lru_cache(maxsize=1)
def _stored(second: int) -> bytes:
    return _answer(HTTPStatus.OK, STORED, second, closes=False, bearer=False, has_body=True)


@functools.lru_cache(maxsize=16)
def _answer(status: HTTPStatus, text: str, second: int, *, closes: bool, bearer: bool, has_body: bool) -> bytes:
    body = msgspec.json.encode({"message": text}) + b"\n"
    lines = [
        f"HTTP/1.1 {status:d} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Date: {formatdate(second, usegmt=True)}",
    ]
    if bearer:
        lines.append("WWW-Authenticate: Bearer")
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: POST")
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append(f"Retry-After: {RETRY_AFTER}")
    if closes:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head + body if has_body else head
