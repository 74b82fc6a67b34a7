"""The driver ``replay``: yields the events of a capture, with the processes and descriptors that it describes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from falcohost import Batch, ConfigError, Plan, SourceStats
from falcohost.needs import Needs
from falcohost_syscall.calls.event_types import event_types
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.drivers import engine
from falcohost_syscall.drivers.scap import lists
from falcohost_syscall.drivers.scap.blocks import Block, Capture, CaptureError
from falcohost_syscall.drivers.scap.changes import Changes
from falcohost_syscall.drivers.scap.event import CapturedEvent
from falcohost_syscall.drivers.scap.events import EVENTS, Calls
from falcohost_syscall.drivers.scap.reader import TooShortError
from falcohost_syscall.drivers.scap.tables import Tables
from falcohost_syscall.events.event import SyscallEvent

KEY: Final = "engine.replay.capture_file"
#: Number of blocks that are read for a batch.
_BATCH: Final = 1000

_log = logging.getLogger("falcohost")


def capture_file(settings: Mapping[str, Any]) -> str:
    """Return the path of the capture.

    :raises ConfigError: the settings name none.
    """
    block = engine(settings).get("replay") or {}
    found = block.get("capture_file") if isinstance(block, Mapping) else None
    if not found or not isinstance(found, str):
        raise ConfigError(f"{KEY}: expected the path of a capture, since engine.kind is replay.")
    return found


class Replay:
    """The driver (:class:`~falcohost_syscall.drivers.driver.Driver`).

    Damage in the capture ends it with a warning that says where; the events before it count.

    :ivar tables: the state of the captured machine so far.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._path = capture_file(settings)
        self._capture: Capture | None = None
        self._blocks: Iterator[Block] = iter(())
        self.tables = Tables()
        self._changes = Changes(self.tables)
        self._calls = Calls()
        self._types: frozenset[str] = frozenset()
        self._received = self._passed = self._damaged = 0
        self._ended = False

    @property
    def needs(self) -> Needs:
        """Return that it needs nothing more: the capture is open."""
        return Needs()

    def open(self, plan: Plan) -> None:
        """Open the capture; :meth:`batches` reads all but its first block, without privileges.

        :raises CaptureError: it cannot be opened, or is not a capture.
        """
        self.update(plan)
        self._capture = Capture(self._path)
        self._blocks = self._capture.blocks()

    def _read_list(self, block: Block) -> None:
        kind, tables = block.type, self.tables
        if kind in lists.PROCESSES:
            for thread in lists.threads(block.body, lists.PROCESSES[kind]):
                tables.list_thread(thread)
            tables.link()
        elif kind in lists.DESCRIPTORS:
            tables.list_descriptors(*lists.descriptors(block.body, lists.DESCRIPTORS[kind]))
        elif kind in lists.USERS:
            for user in lists.users(block.body, lists.USERS[kind]):
                tables.users.add(user)

    def update(self, plan: Plan) -> None:
        """Pass on what *plan* asks for from now on."""
        self._types = frozenset(BY_NAME) if plan.event_types is None else event_types(plan)

    def batches(self) -> Iterator[Batch]:
        """Yield the events until the capture ends."""
        while self._capture is not None and not self._ended:
            yield Batch(self._events(self._capture))

    def _events(self, capture: Capture) -> Iterator[SyscallEvent]:
        """Yield the events of the next blocks; each is yielded while the tables are as of this event."""
        for _ in range(_BATCH):
            try:
                event = self._next(capture)
            except CaptureError as error:
                self._damaged += 1
                self._ended = True
                _log.warning("%s The rest of the capture is not read.", error)
                return
            if event is not None:
                self._passed += 1
                yield event
            elif self._ended:
                return

    def _next(self, capture: Capture) -> SyscallEvent | None:
        """Read one block; return its event, if it has one that is asked for.

        :raises CaptureError: the block is damaged.
        """
        block = next(self._blocks, None)
        if block is None:
            self._ended = True
            return None
        try:
            if block.type in EVENTS:
                self._received += 1
                return self._event(block)
            self._read_list(block)
        except TooShortError as error:
            raise capture.problem(block.place, f"a block of type {block.type:#x} is shorter than it says") from error
        return None

    def _event(self, block: Block) -> SyscallEvent | None:
        call = self._calls.call(block.type, block.body)
        if call is None:
            return None
        thread = self._changes.apply(call)
        if call.state_only or call.name not in self._types:
            return None
        context = self.tables.context
        event = CapturedEvent(BY_NAME[call.name], call, thread, self._passed + 1, context)
        if context.first is None:
            context.first = event.ts
        return event

    def stats(self) -> SourceStats:
        """Return the counters since :meth:`open`; *damaged* is 1 if the capture is damaged."""
        return SourceStats(received=self._received, passed=self._passed, dropped={"damaged": self._damaged})

    def close(self) -> None:
        """Close the capture."""
        if self._capture is not None:
            self._capture.close()
            self._capture = None
