"""Shows how far a long loading of rules is, so that nobody takes it for a hang.

On a terminal this is one line on stderr that the next message overwrites; elsewhere a message for the log, less often.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar

from falcohost.clock import SYSTEM, Clock
from falcohost.engine.texts import printable
from falcohost.log import NOTICE, log

T_co = TypeVar("T_co", covariant=True)

#: Seconds between two messages, and before the first; and the same for the line on a terminal.
PAUSE = 3.0
TERMINAL_PAUSE = 0.5

#: The reading of files of this many characters is shown.
LARGE = 2 << 20

#: Erases from the cursor to the end of the line (ECMA-48, EL).
_ERASE = "\x1b[K"


class _Counted(Iterable[T_co], Sized, Protocol[T_co]):
    """An iterable that knows how many items it has."""


def paced(what: str, items: _Counted[T_co], clock: Clock = SYSTEM) -> Iterator[T_co]:
    """Yield *items*; meanwhile show how many of them are done."""
    pace = _Pace(clock)
    for done, item in enumerate(items):
        if pace.is_due():
            pace.show(f"{what}: {done:,} of {len(items):,}")
        yield item
    pace.end()


@contextlib.contextmanager
def showing_seconds(what: str, pause: float = PAUSE, terminal_pause: float = TERMINAL_PAUSE) -> Iterator[None]:
    """While the block runs, show how long it has taken: for work that does not know how far it is."""
    begin, done = time.monotonic(), threading.Event()
    pace = _Pace(SYSTEM, pause, terminal_pause)

    def show() -> None:
        while not done.wait(pace.pause):
            pace.show(f"{what}: {time.monotonic() - begin:.0f} s")

    shower = threading.Thread(target=show, daemon=True)
    shower.start()
    try:
        yield
    finally:
        done.set()
        shower.join()
        pace.end()


class PacedText:
    """The *text* of the file *name*, to be read piece by piece; meanwhile shows the share that has been read."""

    def __init__(self, name: str, text: str, clock: Clock = SYSTEM) -> None:
        self._what = f"Reading {printable(name)}, which has {len(text) / (1 << 20):.0f} MiB"
        self._text = text
        self._at = 0
        self._pace = _Pace(clock)
        self._pace.show(self._what)

    def read(self, size: int = LARGE) -> str:
        """Return the next *size* characters, or fewer at the end."""
        if self._pace.is_due():
            self._pace.show(f"{self._what}: {100 * self._at // len(self._text)} %")
        piece = self._text[self._at : self._at + size]
        self._at += len(piece)
        if not piece:
            self._pace.end()
        return piece


class _Pace:
    """Says when to show something, and shows it.

    :ivar pause: seconds between two times.
    """

    def __init__(self, clock: Clock, pause: float = PAUSE, terminal_pause: float = TERMINAL_PAUSE) -> None:
        self._clock = clock
        self._on_terminal = sys.stderr.isatty()
        self.pause = terminal_pause if self._on_terminal else pause
        self._due = clock.monotonic() + self.pause
        self._is_shown = False

    def is_due(self) -> bool:
        """Return whether it is time to show something again."""
        now = self._clock.monotonic()
        if now < self._due:
            return False
        self._due = now + self.pause
        return True

    def show(self, text: str) -> None:
        """Show *text*."""
        if not self._on_terminal:
            log.log(NOTICE, "%s", text)
            return
        self._is_shown = True
        _write(f"{text}{_ERASE}\r")

    def end(self) -> None:
        """Erase the line on the terminal."""
        if self._is_shown:
            _write(_ERASE)


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
