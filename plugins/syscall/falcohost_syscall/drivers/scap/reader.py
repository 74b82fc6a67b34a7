"""Reads numbers and texts from the body of a block, one behind the other, and never beyond its end."""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

_TEXT: Final = Struct("<H")


class TooShortError(Exception):
    """What was to be read reaches beyond the end."""


class Reader:
    """Reads bytes in order.

    :ivar place: how many were read.
    """

    def __init__(self, data: bytes, place: int = 0) -> None:
        self._data = data
        self.place = place

    @property
    def left(self) -> int:
        """Return how many bytes are left."""
        return len(self._data) - self.place

    def numbers(self, layout: Struct) -> tuple[Any, ...]:
        """Return the next numbers.

        :raises TooShortError: there are not so many bytes; the same for the others.
        """
        return layout.unpack(self.take(layout.size))

    def take(self, size: int) -> bytes:
        """Return the next *size* bytes."""
        if size < 0 or size > self.left:
            raise TooShortError
        self.place += size
        return self._data[self.place - size : self.place]

    def string(self) -> bytes:
        """Return the next text: its length, and its bytes."""
        return self.take(self.numbers(_TEXT)[0])

    def skip_to(self, place: int) -> None:
        """Go on at *place*, which is not before."""
        self.take(place - self.place)
