"""Says that a subscriber fails, why if that changes, and that it works again; not more."""

from __future__ import annotations

from falcohost.errors import FalcohostError
from falcohost.log import NOTICE, log


class Trouble:
    """The trouble of the subscriber that is called *label* (``output 'stdout'``)."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._said = ""

    def begins(self, error: Exception) -> None:
        """Say that it failed with *error*."""
        text = str(error) if isinstance(error, FalcohostError) else f"{type(error).__name__}: {error}"
        if text != self._said:
            self._said = text
            log.error("%s: %s; trying again", self._label, text)

    def ends(self) -> None:
        """Say that it works, if it did not."""
        if self._said:
            self._said = ""
            log.log(NOTICE, "%s works again", self._label)
