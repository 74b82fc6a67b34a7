"""How far the sources have come, on the terminal of somebody who waits for them to end.

The line is written with the cursor put back to its beginning, so that an alert or a message overwrites it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from falcohost.host.supervision.child import Child

#: Seconds between two lines.
PAUSE = 0.2

#: Erases from the cursor to the end of the line (ECMA-48, EL).
_ERASE = "\x1b[K"


class Progress:
    """Shows on stderr how far the sources have come, if it is to be *shown*."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._due = 0.0

    def show(self, children: Sequence[Child]) -> None:
        """Write the line anew, if that is not too soon."""
        if self._shown and (now := time.monotonic()) >= self._due:
            self._due = now + PAUSE
            self._write(f"{progress_text(children)}{_ERASE}\r")

    def erase(self) -> None:
        """Leave nothing of it behind."""
        if self._shown:
            self._write(_ERASE)

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def progress_text(children: Sequence[Child]) -> str:
    """Return the line: how much is read, where all sources know it, and the events so far."""
    events = f"{sum(child.totals.passed for child in children):,} events"
    shares = [1.0 if child.ended else child.totals.done for child in children]
    known = [share for share in shares if share is not None]
    if not known or len(known) < len(shares):
        return events
    return f"{int(100 * sum(known) / len(known)):3} %  {events}"
