"""Answers of HTTP servers, and answers that are errors."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from falcohost.poll.page import PollError

_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^\s;,"]*))*)')
_REL = re.compile(r';\s*rel\s*=\s*"?([^";,]*)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    :ivar headers: with names in lower case; repeated headers are joined by commas.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def date(self) -> float:
        """The server's time in seconds since the epoch; this machine's if the answer has no date."""
        return _http_date(self.headers.get("date", "")) or time.time()

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before the next request (``Retry-After``, RFC 9110, 10.2.3); None: not given."""
        asked = self.headers.get("retry-after", "").strip()
        if asked.isascii() and asked.isdecimal():
            return float(asked[:9])
        until = _http_date(asked)
        return None if until is None else max(0.0, until - self.date)

    def seconds_until(self, header: str) -> float | None:
        """Return the seconds until the time in *header* (since the epoch), by the server's clock."""
        until = self.number(header)
        return None if until is None else max(0.0, until - self.date)

    def number(self, header: str) -> int | None:
        """Return the whole number in *header*."""
        text = self.headers.get(header, "").strip()
        return int(text[:18]) if text.isascii() and text.isdecimal() else None

    def link(self, rel: str) -> str | None:
        """Return the address of the link with relation *rel* in the header ``Link`` (RFC 8288)."""
        for address, parameters in _LINK.findall(self.headers.get("link", "")):
            found = _REL.search(parameters)
            if found is not None and rel in found[1].lower().split():
                return str(address)
        return None


class HttpError(PollError):
    """The server answered with an error status.

    :ivar answer: the answer; its body may be truncated.
    """

    def __init__(self, host: str, answer: Answer, remark: str) -> None:
        super().__init__(f"{host} answers {status_text(answer.status)}: {remark}", retry_after=answer.retry_after)
        self.answer = answer


class Unreadable(PollError):
    """The server answered with a success status, but the answer cannot be read.

    :ivar cause: the cause by which it is counted, if it is skipped.
    :ivar answer: status and headers of the answer.
    """

    def __init__(self, host: str, answer: Answer, cause: str) -> None:
        super().__init__(f"the answer of {host} cannot be read: {cause}")
        self.cause = cause
        self.answer = answer


def status_text(status: int) -> str:
    """Return a status as text: ``404 Not Found``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
