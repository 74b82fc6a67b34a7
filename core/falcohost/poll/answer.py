"""What a server answers, and the failures that are answers."""

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
    """An answer.

    :ivar headers: with names in lower case; what comes several times is joined by commas.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def date(self) -> float:
        """The server's clock: seconds since the epoch; this machine's where it does not say."""
        return _http_date(self.headers.get("date", "")) or time.time()

    @property
    def retry_after(self) -> float | None:
        """Seconds for which the server asks to be left alone (RFC 9110, 10.2.3); None: it does not say."""
        asked = self.headers.get("retry-after", "").strip()
        if asked.isascii() and asked.isdecimal():
            return float(asked[:9])
        until = _http_date(asked)
        return None if until is None else max(0.0, until - self.date)

    def seconds_until(self, header: str) -> float | None:
        """Return how many seconds are left until the time since the epoch in *header*, by the server's clock."""
        until = self.number(header)
        return None if until is None else max(0.0, until - self.date)

    def number(self, header: str) -> int | None:
        """Return the whole number in *header*."""
        text = self.headers.get(header, "").strip()
        return int(text[:18]) if text.isascii() and text.isdecimal() else None

    def link(self, rel: str) -> str | None:
        """Return the address to which the header ``Link`` (RFC 8288) points as *rel*."""
        for address, parameters in _LINK.findall(self.headers.get("link", "")):
            found = _REL.search(parameters)
            if found is not None and rel in found[1].lower().split():
                return str(address)
        return None


class HttpError(PollError):
    """The server answered that it will not.

    :ivar answer: what it answered, the body possibly cut off.
    """

    def __init__(self, host: str, answer: Answer, remark: str) -> None:
        super().__init__(f"{host} answers {status_text(answer.status)}: {remark}", retry_after=answer.retry_after)
        self.answer = answer


class Unreadable(PollError):
    """The server answered with what cannot be read, though it says that it is what was asked for.

    :ivar cause: by which it is counted, if it is left out.
    :ivar answer: what can be read of it: status and headers.
    """

    def __init__(self, host: str, answer: Answer, cause: str) -> None:
        super().__init__(f"the answer of {host} cannot be read: {cause}")
        self.cause = cause
        self.answer = answer


def status_text(status: int) -> str:
    """Return a status for people: ``404 Not Found``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
