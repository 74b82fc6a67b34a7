"""The interface of pollers, which plugins implement to fetch a log page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from falcohost.errors import SourceError
from falcohost.jsonlog.refusals import Refusals


class PollError(SourceError):
    """A page could not be fetched; the fetch is retried later.

    The text says what is wrong and how to fix it, is always the same for the same cause, and contains no secret.

    :ivar retry_after: seconds that the server asks to wait; None: not given.
    """

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Page:
    """A fetched page.

    :ivar items: JSON texts, each of one or more records.
    :ivar cursor: where to continue once the items are handled; it is stored with their alerts.
    :ivar wait: seconds to wait before fetching the next page; 0: it is available now.
    """

    items: list[bytes]
    cursor: str
    wait: float


class Poller(Protocol):
    """Fetches pages."""

    def open(self, refusals: Refusals) -> None:
        """Read files that need root, and import packages that are imported late; skipped records count in *refusals*.

        :raises SourceError: fetching will never work: a file or a package is missing.
        """

    def fetch(self, cursor: str | None) -> Page:
        """Return the page at *cursor*, or the first page. Called in a thread of its own, where it may block.

        The cursor has to hold everything that is needed from earlier pages. Without a cursor, it is best to return at
        once an empty page whose cursor says where to start.

        :raises PollError: the page cannot be fetched now.
        """

    def close(self) -> None:
        """Release everything. A fetch may be running."""
