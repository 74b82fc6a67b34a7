"""How far the System Log has been read: the cursor that is kept with the alerts, and what is asked for from there."""

from __future__ import annotations

import datetime
import logging
from urllib.parse import urlencode, urlsplit

import msgspec

from falcohost_okta.config import SECOND

log = logging.getLogger("falcohost")

PATH = "/api/v1/logs"

#: Events in a page, the most that Okta gives.
LIMIT = 1000

_EARLIEST, _LATEST = 0, 4_102_444_800 * SECOND  # the years 1970 and 2100


class Position(msgspec.Struct, frozen=True):
    """How far one organization's log has been read.

    :ivar url: whose log it is.
    :ivar since: from when on to ask where there is no *next*, in nanoseconds since the epoch.
    :ivar next: path and query of the next page, as the server has given it; empty: none is known.
    :ivar filter: by what *next* leaves out events.
    :ivar read: when there was last nothing more, by the server's clock, in nanoseconds since the epoch.
    :ivar seen: marks of the events that were read last.
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
    """Return the position that *cursor* holds; None where there is none of the organization at *url*."""
    if cursor is None:
        return None
    try:
        position = msgspec.json.decode(cursor, type=Position)
    except (msgspec.DecodeError, UnicodeError):
        position = None
    if position is None or position.url != url:
        log.warning("what was read before was not read from %s: it begins anew", url)
        return None
    return position


def page_since(ts: int, wanted: str) -> str:
    """Return path and query of the first page from *ts* on, of what the filter *wanted* leaves."""
    asked = {"since": stamp(ts), "sortOrder": "ASCENDING", "limit": str(LIMIT)}
    return asking(**asked, **({"filter": wanted} if wanted else {}))


def asking(**parameters: str) -> str:
    """Return path and query of a request with *parameters*."""
    return f"{PATH}?{urlencode(parameters)}"


def path_of(link: str | None) -> str:
    """Return path and query of *link*, if it leads to the log; whoever asks for it decides of which server."""
    try:
        address = urlsplit(link or "")
    except ValueError:
        return ""
    return f"{PATH}?{address.query}" if address.path == PATH and address.query else ""


def stamp(ts: int) -> str:
    """Return the time *ts* (nanoseconds since the epoch) as Okta writes times, to the millisecond."""
    seconds, rest = divmod(min(max(ts, _EARLIEST), _LATEST), SECOND)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03}Z"
