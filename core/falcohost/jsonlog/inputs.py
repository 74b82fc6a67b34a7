"""The interface between a source and its input, which delivers the texts of a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from falcohost.jsonlog.refusals import Refusals

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the size of texts, in bytes; larger ones are refused.

    :ivar document: a line, or a document over several lines. It is held in memory once.
    :ivar record: one record. Decoded, it takes up to thirty times as much memory.
    :ivar objects: most objects in a document that is larger than *record*; it may hold four times as many commas.
    :ivar plain: the log is lines of text, not JSON: a text is one line or several, and a line is complete only at its
        newline.
    """

    document: int = 64 * MIB
    record: int = 8 * MIB
    objects: int = 1_000_000
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of texts, which determines the keys of their events.

    :ivar name: for messages: the path of the file.
    :ivar ident: stays the same when the texts are read again, also after the file was renamed.
    :ivar by_content: records have no position; an event is identified by its content.
    :ivar timeless: identical records without a time count as different events.
    :ivar id_of: returns a record's own id from its text, which then identifies the event, or None.
    """

    name: str
    ident: str
    by_content: bool = False
    timeless: bool = False
    id_of: Callable[[bytes], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """JSON texts of one origin, each with its offset in bytes from the start.

    A text holds a sequence of JSON values, usually one per line.

    :ivar cursor: the cursor to store once all of their events are handled; None: no new one.
    :ivar is_cut_off: the end of the last text is missing, which has been counted.
    :ivar accepts: called with the index of one of *items* that cannot be decoded at once; returns False if it is of no
        use, which its sender is told. None: all are used.
    :ivar more: what follows, or the end, is there already: nothing has to be waited for.
    :ivar fleeting: the cursor is of no use to another worker (:class:`~falcohost.events.Batch`).
    """

    origin: Origin
    items: list[tuple[int, bytes]]
    cursor: str | None = None
    is_cut_off: bool = False
    more: bool = False
    fleeting: bool = False
    accepts: Callable[[int], bool] | None = None


class Input(Protocol):
    """Delivers the texts of a log."""

    @property
    def limits(self) -> Limits:
        """How large texts may be."""

    @property
    def done(self) -> float | None:
        """Share of the input that has been read, from 0 to 1; None if it has no end or its size is not known."""

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Open the input, resuming after *cursor*. The worker drops its privileges afterwards.

        :raises SourceError: it cannot be opened.
        """

    def texts(self) -> Iterator[Texts]:
        """Yield texts until there are no more; while there is nothing new, yield empty ones."""

    def ack(self, cursor: str) -> None:
        """Take note that the alerts of all texts up to *cursor* are stored."""

    def close(self) -> None:
        """Release everything."""
