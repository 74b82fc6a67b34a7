"""How far a driver still reads when a recording is ended: what waits in its rings by then, but not for ever.

What is collected later than that is not waited for, so the programs need not be detached before.
"""

from __future__ import annotations

import time
from typing import Final, Generic, Protocol, TypeVar

#: Most seconds for which is read what waited: a full ring takes some, on a busy machine more.
MOST: Final = 30.0

_Position = TypeVar("_Position")
_Given = TypeVar("_Given", contravariant=True)


class _Rings(Protocol[_Given]):
    def have_read(self, until: _Given, /) -> bool:
        """Return whether they are read up to there."""

    def pass_over(self, until: _Given, /) -> int:
        """Read on up to there; return how many records that were."""


class Ending(Generic[_Position]):
    """An end behind the record at the position *until*.

    :ivar unread: how many records were passed over, since the time was over.
    """

    def __init__(self, until: _Position) -> None:
        self._until = until
        self._last = time.monotonic() + MOST
        self.unread = 0

    def is_reached(self, rings: _Rings[_Position], taken: int = 0) -> bool:
        """Return whether all is read, or the time is over; then the rest is passed over.

        :param taken: number of records that were taken out of the rings, and are not read yet.
        """
        if time.monotonic() >= self._last:
            self.unread += taken + rings.pass_over(self._until)
            return True
        return not taken and rings.have_read(self._until)
