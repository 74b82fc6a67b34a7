"""Where the texts of a log come from, as the source sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from falcohost.jsonlog.refusals import Refusals

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How large texts may be, in bytes; larger ones are refused.

    :ivar document: a line, or a document over several lines. It is held in memory once.
    :ivar record: one record. Decoded it takes up to thirty times as much.
    :ivar objects: how many objects a document may hold that is larger than one record may be.
    """

    document: int = 64 * MIB
    record: int = 8 * MIB
    objects: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where texts come from.

    :ivar name: for people: the path of the file.
    :ivar ident: the same when the texts are read again, also after the file was renamed.
    :ivar by_content: what comes from here has no place; an event is known by its content.
    :ivar timeless: two that are alike may be two events: one without a time of its own is another whenever it comes.
    :ivar id_of: returns from a record's text the id that its writer has given it, by which it is then known, or None.
    """

    name: str
    ident: str
    by_content: bool = False
    timeless: bool = False
    id_of: Callable[[bytes], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """JSON texts of one origin, each with where it begins: in bytes from the start.

    A text holds one JSON value after the other, usually one a line.

    :ivar cursor: what is true once all of their events are handled; None: nothing new.
    """

    origin: Origin
    items: list[tuple[int, bytes]]
    cursor: str | None = None


class Input(Protocol):
    """Delivers the texts of a log."""

    @property
    def limits(self) -> Limits:
        """How large texts may be."""

    @property
    def done(self) -> float | None:
        """How much has been read of what ends, from 0 to 1; None where that is not known."""

    def open(self, refusals: Refusals, cursor: str | None) -> None:
        """Take hold of what is to be read from *cursor* on, with the privileges that this needs; then they are dropped.

        :raises SourceError: it cannot be had.
        """

    def texts(self) -> Iterator[Texts]:
        """Yield texts until there are no more; without items where there are none for a while."""

    def ack(self, cursor: str) -> None:
        """Take note that the alerts of all texts up to *cursor* are stored."""

    def close(self) -> None:
        """Let go of everything."""
