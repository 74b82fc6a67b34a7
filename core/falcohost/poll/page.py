"""What a plugin writes whose log is asked for again and again: a poller, which fetches one page after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from falcohost.errors import SourceError
from falcohost.jsonlog.refusals import Refusals


class PollError(SourceError):
    """A page could not be fetched; it is tried again later.

    The text says what is wrong and what mends it, is always the same for the same cause, and shows no secret.

    :ivar retry_after: seconds for which the server asks to be left alone; None: it does not say.
    """

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Page:
    """What was fetched.

    :ivar items: JSON texts, each of one record or more.
    :ivar cursor: where to go on once they are handled; it is kept with their alerts.
    :ivar wait: seconds until the next page is worth asking for; 0: it is there already.
    """

    items: list[bytes]
    cursor: str
    wait: float


class Poller(Protocol):
    """Fetches pages."""

    def open(self, refusals: Refusals) -> None:
        """Read what only root may read, and import what is imported late; what is left out is counted in *refusals*.

        :raises SourceError: it can never be asked: a file is missing, or a package.
        """

    def fetch(self, cursor: str | None) -> Page:
        """Return the page at *cursor*, or the first one; called in a thread of its own, where it may wait for long.

        Everything it has to know of earlier pages is in the cursor. Where there is none, it is best to return at once
        a page that is empty, and whose cursor says where to begin.

        :raises PollError: it cannot be had now.
        """

    def close(self) -> None:
        """Let go of everything; a fetch may be at work."""
