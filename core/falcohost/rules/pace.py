"""Logs how far a long loading of rules is, so that nobody takes it for a hang."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar

from falcohost.clock import SYSTEM, Clock
from falcohost.log import NOTICE, log

T_co = TypeVar("T_co", covariant=True)

#: Seconds between two messages, and before the first.
PAUSE = 3.0

#: Files of this many characters are named before they are read.
LARGE = 2 << 20


class _Counted(Iterable[T_co], Sized, Protocol[T_co]):
    """An iterable that knows how many items it has."""


def paced(what: str, items: _Counted[T_co], clock: Clock = SYSTEM) -> Iterator[T_co]:
    """Yield *items*; every :data:`PAUSE` seconds, log how many of them are done."""
    due = clock.monotonic() + PAUSE
    for done, item in enumerate(items):
        if (now := clock.monotonic()) >= due:
            due = now + PAUSE
            log.log(NOTICE, "%s: %d of %d", what, done, len(items))
        yield item


def announce(name: str, text: str) -> None:
    """Log that the file *name* is read, if *text* is so long that this takes seconds."""
    if len(text) >= LARGE:
        log.log(NOTICE, "Reading %s, which has %.0f MiB", name, len(text) / (1 << 20))
