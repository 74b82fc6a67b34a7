"""The position in the System Log: the cursor that is stored with alerts, and the requests that continue from it."""

from __future__ import annotations

import datetime
import logging
from urllib.parse import urlencode, urlsplit

import msgspec

from falcohost_okta.config import SECOND

log = logging.getLogger("falcohost")

PATH = "/api/v1/logs"

#: Largest number of events in a page; Okta's limit.
LIMIT = 1000

_EARLIEST, _LATEST = 0, 4_102_444_800 * SECOND  # the years 1970 and 2100


class Position(msgspec.Struct, frozen=True):
    """How far one organization's log has been read.

    :ivar url: the organization.
    :ivar since: the time to continue from without *next*, in nanoseconds since the epoch.
    :ivar next: path and query of the next page, from the server; empty: not known.
    :ivar filter: the filter in *next*.
    :ivar read: the server's time when there was last nothing more to read, in nanoseconds since the epoch.
    :ivar seen: marks of the latest events.
    """

    url: str
    since: int
    next: str = ""
    filter: str = ""
    read: int = 0
    seen: list[str] = []

    def text(self) -> str:
        """Return the cursor."""
        return msgspec.json.encode(self).decode()


def read_position(cursor: str | None, url: str) -> Position | None:
    """Return the position in *cursor*, or None if it holds none for the organization at *url*."""
    if cursor is None:
        return None
    try:
        position = msgspec.json.decode(cursor, type=Position)
    except (msgspec.DecodeError, UnicodeError):
        position = None
    if position is None or position.url != url:
        log.warning("okta: the stored position is not one of %s; reading starts anew", url)
        return None
    return position


def page_since(ts: int, wanted: str) -> str:
    """Return path and query of the first page from *ts* on, with the filter *wanted*."""
    asked = {"since": stamp(ts), "sortOrder": "ASCENDING", "limit": str(LIMIT)}
    return asking(**asked, **({"filter": wanted} if wanted else {}))


def asking(**parameters: str) -> str:
    """Return path and query of a request with *parameters*."""
    return f"{PATH}?{urlencode(parameters)}"


def path_of(link: str | None) -> str:
    """Return path and query of *link* if it leads to the log; its server is ignored."""
    try:
        address = urlsplit(link or "")
    except ValueError:
        return ""
    return f"{PATH}?{address.query}" if address.path == PATH and address.query else ""


def stamp(ts: int) -> str:
    """Return *ts* (nanoseconds since the epoch) in Okta's format, in milliseconds."""
    seconds, rest = divmod(min(max(ts, _EARLIEST), _LATEST), SECOND)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03}Z"
