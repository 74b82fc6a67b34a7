"""Logs when a subscriber fails, when the reason changes, and when it works again, but not every retry."""

from __future__ import annotations

from falcohost.errors import FalcohostError
from falcohost.log import NOTICE, log


class Trouble:
    """Logs the failures of a subscriber that messages call *label* (``output 'stdout'``)."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._said = ""

    def begins(self, error: Exception) -> None:
        """Log *error*, unless it was the last one logged."""
        text = str(error) if isinstance(error, FalcohostError) else f"{type(error).__name__}: {error}"
        if text != self._said:
            self._said = text
            log.error("%s: %s; trying again", self._label, text)

    def ends(self) -> None:
        """Log that it works again, if it did not."""
        if self._said:
            self._said = ""
            log.log(NOTICE, "%s works again", self._label)
