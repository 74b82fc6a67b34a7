"""Reads numbers and texts from the body of a block one after another, never beyond its end."""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

_TEXT: Final = Struct("<H")


class TooShortError(Exception):
    """The body ends before what was to be read."""


class Reader:
    """Reads bytes in order.

    :ivar place: number of bytes that were read.
    """

    def __init__(self, data: bytes, place: int = 0) -> None:
        self._data = data
        self.place = place

    @property
    def left(self) -> int:
        """The number of bytes that are left."""
        return len(self._data) - self.place

    def numbers(self, layout: Struct) -> tuple[Any, ...]:
        """Return the next numbers.

        :raises TooShortError: there are too few bytes left. The other methods raise it too.
        """
        return layout.unpack(self.take(layout.size))

    def take(self, size: int) -> bytes:
        """Return the next *size* bytes."""
        if size < 0 or size > self.left:
            raise TooShortError
        self.place += size
        return self._data[self.place - size : self.place]

    def string(self) -> bytes:
        """Return the next text, which has its length in front."""
        return self.take(self.numbers(_TEXT)[0])

    def skip_to(self, place: int) -> None:
        """Continue at *place*, which must not lie before the current one."""
        self.take(place - self.place)
