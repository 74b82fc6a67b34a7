"""What the supervisor has told: whether the agent works, and its numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from falcohost.clock import SYSTEM, Clock
from falcohost.host.health import messages
from falcohost.host.snapshot import Snapshot, decode
from falcohost.host.storing.overseer import SILENT

#: Seconds for which numbers are of now.
FRESH: Final = 1.0
#: Longest wait for numbers, in seconds.
PATIENCE: Final = 5.0


class Told:
    """What was told last.

    :param ask: asks for numbers.
    :ivar reloaded: when rules were last read, in nanoseconds since 1970.
    """

    def __init__(self, ask: Callable[[], object], clock: Clock = SYSTEM) -> None:
        self.reloaded = 0
        self._ask = ask
        self._clock = clock
        self._heard = clock.monotonic()
        self._state = messages.State(ready=False, works=True)
        self._numbers: Snapshot | None = None
        self._at = 0.0
        self._asked: asyncio.Future[None] | None = None

    def hears(self, message: messages.FromSupervisor) -> None:
        """Take note of what the supervisor says. Whatever it is shows that the supervisor works."""
        self._heard = self._clock.monotonic()
        if isinstance(message, messages.State):
            self._state = message
        elif isinstance(message, messages.Numbers):
            self._take(message)

    @property
    def works(self) -> bool:
        """Return whether the agent works: its supervisor, its processes, and that events arrive."""
        return self._state.works and self._clock.monotonic() - self._heard <= SILENT

    @property
    def ready(self) -> bool:
        """Return whether it works, and all sources and outputs are open."""
        return self._state.ready and self.works

    @property
    def latest(self) -> Snapshot | None:
        """Return the last numbers; None: there were none."""
        return self._numbers

    async def numbers(self) -> Snapshot | None:
        """Return the agent's numbers, not older than :data:`FRESH`; None: the supervisor does not answer in time."""
        if self._numbers is not None and self._clock.monotonic() - self._at <= FRESH:
            return self._numbers
        if self._asked is None:
            self._asked = asyncio.get_running_loop().create_future()
            self._ask()
        try:
            await asyncio.wait_for(asyncio.shield(self._asked), PATIENCE)
        except TimeoutError:
            return None
        return self._numbers

    def _take(self, message: messages.Numbers) -> None:
        try:
            self._numbers = decode(message.line)
        except msgspec.DecodeError:
            self._numbers = None  # there are too many of them
        self._at, self.reloaded = self._clock.monotonic(), message.reloaded
        if self._asked is not None and not message.sample:
            asked, self._asked = self._asked, None
            if not asked.done():
                asked.set_result(None)
