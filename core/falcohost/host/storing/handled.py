"""What the store process is handling, in memory that outlives it: whose message it was that has ended it."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable, Set
from typing import Final

from msgspec import Struct

_ENTRY: Final = struct.Struct("=Iq")
_NOTHING: Final = (0, 0)


class Handled:
    """Is written by the store process, and read by the supervisor when that has ended.

    :param sources: the names of all sources.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._names = ["", *sources]
        self._places = {name: place for place, name in enumerate(self._names)}

    def begin(self, source: str, number: int = 0) -> None:
        """Take note that what *source* has sent is handled: message *number*, or (0) what it is remains to be seen."""
        _ENTRY.pack_into(self._memory, 0, self._places.get(source, 0), number)

    def end(self) -> None:
        """Take note that it is handled."""
        _ENTRY.pack_into(self._memory, 0, *_NOTHING)

    def found(self) -> tuple[str, int] | None:
        """Return the source and the number of what was handled; None: nothing."""
        place, number = _ENTRY.unpack_from(self._memory)
        return (self._names[place], number) if 0 < place < len(self._names) else None


class Caution(Struct, frozen=True):
    """How a store process handles messages.

    :ivar handled: where it says what it is handling.
    :ivar careful: each message is stored for itself, since a store process has ended while it handled one.
    :ivar skipped: the messages that are kept aside, by source and number.
    """

    handled: Handled
    careful: bool = False
    skipped: Set[tuple[str, int]] = frozenset()
