"""Keeps pushes and runs that wait for their diffs, and passes them on when these are fetched.

What waits is in the source's cursor, so a push is answered as soon as it is stored, and is not lost if the agent is
killed. If a diff cannot be fetched, its push is finally passed on without it; at once, if there is no room to wait.
"""

from __future__ import annotations

import logging
import threading
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Refusals
from falcohost.poll import BackOff, PollError
from falcohost_github.api import RateLimited, RequestRefused

log = logging.getLogger("falcohost")

#: Largest size of what waits in the cursor, in characters.
ROOM = 1 << 20

#: How often a refused request is tried; GitHub may not know yet what it has just reported.
REFUSALS = 3

#: Seconds between two attempts for one push.
USUAL = BackOff(longest=120.0)

#: The cause under which events are counted that were matched without their diff.
IN_VAIN = "matched without its diff"

#: Returns a record with its findings added, or raises :class:`PollError`.
Look = Callable[[bytes], bytes]


@dataclass(slots=True)
class _Waiting:
    text: bytes
    kept: str
    tries: int = 0
    due: float = 0.0


class Pushes:
    """Pushes that wait for *look*, which is tried *tries* times; *kept* are those of an earlier process."""

    def __init__(
        self,
        look: Look,
        tries: int,
        refusals: Refusals,
        kept: Mapping[str, str],
        back_off: BackOff | None = None,
        room: int = ROOM,
        clock: Clock = SYSTEM,
    ) -> None:
        self._clock = clock
        self._look = look
        self._tries = tries
        self._refusals = refusals
        self._back_off = back_off or USUAL
        self._room = room
        self._changed = threading.Condition()
        self._waiting = {guid: _Waiting(unpacked(text), text) for guid, text in kept.items()}
        self._size = sum(map(len, kept.values()))
        self._found: dict[str, bytes] = {}
        self._pause_until = 0.0
        self._told: set[str] = set()
        self._closed = self._news = False

    # Called by the thread that matches.

    def add(self, guid: str, text: bytes) -> None:
        """Let the record *text* of the delivery *guid* wait."""
        packed = b64encode(zlib.compress(text)).decode()
        with self._changed:
            if guid in self._waiting:
                return
            self._waiting[guid] = _Waiting(text, packed)
            self._size += len(packed)
            while self._size > self._room:
                self._give_up(next(filter(self._is_waiting, self._waiting)), "there is no room")
            self._wake()

    def take(self) -> list[bytes]:
        """Return the records that no longer have to wait."""
        with self._changed:
            found, self._found = self._found, {}
            for guid in found:
                del self._waiting[guid]
        return list(found.values())

    @property
    def kept(self) -> dict[str, str]:
        """Return what has to be stored of the records that were not taken yet."""
        with self._changed:
            return {guid: waiting.kept for guid, waiting in self._waiting.items()}

    def start(self) -> None:
        """Start to fetch."""
        threading.Thread(target=self._run, name="github diffs", daemon=True).start()

    def close(self) -> None:
        """Stop fetching."""
        with self._changed:
            self._closed = True
            self._wake()

    # Called by the thread that fetches.

    def _run(self) -> None:
        while (guid := self._next()) is not None:
            self._try(guid)

    def _next(self) -> str | None:
        """Wait until something is due, and return its delivery; None once it is closed."""
        with self._changed:
            while not self._closed:
                due = {guid: waiting.due for guid, waiting in self._waiting.items() if guid not in self._found}
                guid = min(due, key=due.__getitem__, default=None)
                wait = None if guid is None else max(due[guid], self._pause_until) - self._clock.monotonic()
                if wait is not None and wait <= 0:
                    return guid
                self._news = False
                self._clock.wait_for(self._changed, lambda: self._news, wait)
        return None

    def _wake(self) -> None:
        self._news = True
        self._changed.notify()

    def _try(self, guid: str) -> None:
        with self._changed:
            waiting = self._waiting.get(guid)
        if waiting is None:
            return
        if not self._tries:
            with self._changed:
                self._give_up(guid, "diffs are no longer fetched")
            return
        try:
            found = self._look(waiting.text)
        except RateLimited as limited:
            self._pause_until = self._clock.monotonic() + (limited.retry_after or 0.0)
            self._tell(f"github: {limited}; {len(self._waiting)} pushes wait {limited.retry_after or 0:.0f} s for it")
        except Exception as error:
            self._failed(guid, waiting, error)
        else:
            self._told.clear()
            with self._changed:
                self._finish(guid, found)

    def _failed(self, guid: str, waiting: _Waiting, error: Exception) -> None:
        why = str(error) if isinstance(error, PollError) else f"{type(error).__name__}: {error}"
        waiting.tries += 1
        most = min(REFUSALS, self._tries) if isinstance(error, RequestRefused) else self._tries
        if waiting.tries >= most:
            with self._changed:
                self._give_up(guid, why)
            return
        wait = min(self._back_off.longest, self._back_off.first * 2.0 ** (waiting.tries - 1))
        waiting.due = self._clock.monotonic() + wait
        self._tell(f"github: a push waits for its diff: {why}")

    def _give_up(self, guid: str, why: str) -> None:
        if self._is_waiting(guid):
            self._refusals.add(IN_VAIN, f"the push of delivery {guid}: {why}")
            self._finish(guid, self._waiting[guid].text)

    def _finish(self, guid: str, text: bytes) -> None:
        if self._is_waiting(guid):
            self._size -= len(self._waiting[guid].kept)
            self._found[guid] = text

    def _is_waiting(self, guid: str) -> bool:
        """Return whether *guid* still waits; it may have had to make room while its diff was fetched."""
        return guid in self._waiting and guid not in self._found

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.warning("%s", text)


def unpacked(text: str) -> bytes:
    """Return the record that is stored as *text*.

    :raises ValueError: it is damaged; *zlib.error* too.
    """
    return zlib.decompress(b64decode(text))
