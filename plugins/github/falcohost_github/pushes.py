"""Pushes and runs that wait for what has to be looked up about them, and are matched once it is there.

What waits is kept in the source's cursor, so that a push is answered as soon as it is kept and is not lost when the
agent is killed. What cannot be looked up is matched without it in the end, and what there is no room to keep, at once.
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
from falcohost_github.api import RateLimited, Refused

log = logging.getLogger("falcohost")

#: Characters of the cursor that what waits may take up.
ROOM = 1 << 20

#: How often is tried what GitHub refuses; it may know a little later what it has just told of.
REFUSALS = 3

#: Seconds between two tries of one push.
USUAL = BackOff(longest=120.0)

#: The cause by which events are counted that were matched without what was to be looked up.
IN_VAIN = "matched without its diff"

#: Returns a record with what was looked up in it, or raises :class:`PollError`.
Look = Callable[[bytes], bytes]


@dataclass(slots=True)
class _Waiting:
    text: bytes
    kept: str
    tries: int = 0
    due: float = 0.0


class Pushes:
    """What waits for *look*, which is tried *tries* times; *kept* is what waited in an earlier life."""

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

    # the thread that matches

    def add(self, guid: str, text: bytes) -> None:
        """Have the record *text* of the delivery *guid* wait."""
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
        """Return what need not wait any more."""
        with self._changed:
            found, self._found = self._found, {}
            for guid in found:
                del self._waiting[guid]
        return list(found.values())

    @property
    def kept(self) -> dict[str, str]:
        """Return what has to be kept of all that was not taken yet."""
        with self._changed:
            return {guid: waiting.kept for guid, waiting in self._waiting.items()}

    def start(self) -> None:
        """Begin to look up."""
        threading.Thread(target=self._run, name="github diffs", daemon=True).start()

    def close(self) -> None:
        """Look up no more."""
        with self._changed:
            self._closed = True
            self._wake()

    # the thread that looks up

    def _run(self) -> None:
        while (guid := self._next()) is not None:
            self._try(guid)

    def _next(self) -> str | None:
        """Wait until something is due, and return which delivery; None once it is closed."""
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
                self._give_up(guid, "nothing is looked up any more")
            return
        try:
            found = self._look(waiting.text)
        except RateLimited as limited:
            self._pause_until = self._clock.monotonic() + (limited.retry_after or 0.0)
            self._tell(f"{limited}; {len(self._waiting)} pushes wait {limited.retry_after or 0:.0f} s for it")
        except Exception as error:
            self._failed(guid, waiting, error)
        else:
            self._told.clear()
            with self._changed:
                self._finish(guid, found)

    def _failed(self, guid: str, waiting: _Waiting, error: Exception) -> None:
        why = str(error) if isinstance(error, PollError) else f"{type(error).__name__}: {error}"
        waiting.tries += 1
        most = min(REFUSALS, self._tries) if isinstance(error, Refused) else self._tries
        if waiting.tries >= most:
            with self._changed:
                self._give_up(guid, why)
            return
        wait = min(self._back_off.longest, self._back_off.first * 2.0 ** (waiting.tries - 1))
        waiting.due = self._clock.monotonic() + wait
        self._tell(f"a push waits for its diff: {why}")

    def _give_up(self, guid: str, why: str) -> None:
        if self._is_waiting(guid):
            self._refusals.add(IN_VAIN, f"the push of delivery {guid}: {why}")
            self._finish(guid, self._waiting[guid].text)

    def _finish(self, guid: str, text: bytes) -> None:
        if self._is_waiting(guid):
            self._size -= len(self._waiting[guid].kept)
            self._found[guid] = text

    def _is_waiting(self, guid: str) -> bool:
        """Return whether *guid* waits still; while it was looked up, it may have had to make room."""
        return guid in self._waiting and guid not in self._found

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.warning("%s", text)


def unpacked(text: str) -> bytes:
    """Return the record that is kept as *text*.

    :raises ValueError: it is damaged; *zlib.error* too.
    """
    return zlib.decompress(b64decode(text))
