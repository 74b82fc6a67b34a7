"""Joins the lines of a log to records of several lines, such as stack traces.

A record begins with a line that a pattern matches. It ends before the next such line, or when nothing has been added
for :data:`QUIET` seconds. No cursor passes a record that has not ended, so after a crash it is read again as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Origin, Refusals, Texts

#: Seconds without a further line after which a record has ended.
QUIET = 1.0

TOO_LONG = "lines of a record that is too long"


@dataclass(slots=True)
class Record:
    """Lines that belong together, or a *whole* that is not made of lines; *at* is the offset of the first."""

    origin: Origin
    at: int
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    whole: bytes | None = None

    @property
    def raw(self) -> bytes:
        """The lines without empty ones at the end."""
        return b"\n".join(self.lines).rstrip() if self.whole is None else self.whole


class Records:
    """Makes records of lines.

    :param begins: returns whether a line is the first of a record.
    :param most: most bytes of a record; further lines of it are dropped and counted.
    """

    def __init__(self, begins: Callable[[bytes], object], most: int, refusals: Refusals, clock: Clock = SYSTEM) -> None:
        self._begins = begins
        self._most = most
        self._refusals = refusals
        self._now = clock.monotonic
        self._open: Record | None = None
        self._last = 0.0
        self._held: str | None = None

    def take(self, texts: Texts) -> tuple[list[Record], str | None]:
        """Return the records that end with *texts*, and the cursor that may be stored with them."""
        ended: list[Record] = []
        cursor: str | None = None
        for origin, at, line in _lines(texts):
            if self._open is not None and (origin.ident != self._open.origin.ident or self._begins(line)):
                if not ended:
                    cursor = self._held  # the record ended where the texts before these did
                ended.append(self._open)
                self._open = None
            if self._open is None:
                if line.isspace() or not line:
                    continue
                self._open = Record(origin, at)
            elif not ended:
                self._held = None  # which is in the middle of the record
            self._add(self._open, line, at)
        if self._open is not None and self._now() - self._last >= QUIET:
            ended.append(self._open)
            self._open = None
        self._held = texts.cursor or self._held
        return ended, self._held if self._open is None else cursor

    def rest(self) -> tuple[list[Record], str | None]:
        """Return what is left at the end of the log."""
        ended = [] if self._open is None else [self._open]
        self._open = None
        return ended, self._held

    def _add(self, record: Record, line: bytes, at: int) -> None:
        self._last = self._now()
        if record.size + len(line) > self._most:
            self._refusals.add(TOO_LONG, f"{record.origin.name}, byte {at}")
            return
        record.lines.append(line)
        record.size += len(line) + 1


def _lines(texts: Texts) -> Iterator[tuple[Origin, int, bytes]]:
    """Yield the lines of *texts* with their offsets."""
    for offset, data in texts.items:
        at = offset
        lines = data.split(b"\n")
        if texts.is_cut_off or not lines[-1]:
            lines.pop()  # half a line, which has been counted; or what is behind the last line
        for line in lines:
            yield texts.origin, at, line.rstrip(b"\r")
            at += len(line) + 1
