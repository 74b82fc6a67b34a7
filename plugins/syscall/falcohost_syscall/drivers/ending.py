"""How far a driver still reads when a recording is ended: what waits in its rings by then, but not for ever.

What is collected later than that is not waited for, so the programs need not be detached before.
"""

from __future__ import annotations

import time
from typing import Final, Generic, TypeVar

#: Most seconds for which is read what waited: a full ring takes some, on a busy machine more.
MOST: Final = 30.0

_Position = TypeVar("_Position")


class Ending(Generic[_Position]):
    """An end.

    :ivar until: the position of the last record that is read.
    """

    def __init__(self, until: _Position) -> None:
        self.until = until
        self._last = time.monotonic() + MOST

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._last
