"""The driver ``replay``: yields the events of a capture, with the processes and descriptors that it describes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from struct import Struct, error
from typing import Any, Final

from falcohost import Batch, ConfigError, Plan, SourceStats
from falcohost.needs import Needs
from falcohost_syscall.drivers.drivers import engine
from falcohost_syscall.drivers.replay.blocks import SECTION, SIZE, Block, Capture, CaptureError, Damage
from falcohost_syscall.drivers.replay.period import Period, Seconds, moment
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.records.text import text
from falcohost_syscall.scap import lists
from falcohost_syscall.scap.applying import Applying
from falcohost_syscall.scap.captured_rows import NO_CALLS
from falcohost_syscall.scap.event_types import MOST, OLD_TYPES, TYPES
from falcohost_syscall.scap.events import EVENTS, time_of
from falcohost_syscall.scap.reader import TooShortError
from falcohost_syscall.scap.tables import Tables
from falcohost_syscall.scap.uses import Use

_NEVER: Final = (1 << 64) - 1
KEY: Final = "engine.replay.capture_file"
#: Number of blocks that are read for a batch.
_BATCH: Final = 4096
#: How many damaged places are reported one by one.
_REPORTED: Final = 10
#: The type of today's blocks with an event, and the layout of its begin: the block's type and size; the number of the
#: processor; time, thread, size, type and number of parameters of the event.
_EVENT: Final = 0x216
_HEAD: Final = Struct("<IIHQqIHI")
#: Bytes of the event's header, and of what is in front of and behind an event in its block.
_HEADER, _BEFORE, _AROUND = 26, 10, 14
_BEHIND: Final = _BEFORE + _HEADER
#: Types of events that at the beginning of a capture only tell in which state it begins; Falco has no rule see them.
_STATE: Final = frozenset(("container", "useradded", "userdeleted", "groupadded", "groupdeleted", "asyncevent"))
_KNOWN: Final = TYPES | OLD_TYPES
_INITIAL: Final = frozenset(code for code, kind in _KNOWN.items() if kind.name in _STATE)
#: Types of events that no call is the cause of; ``evt.reltime`` counts from the first other one.
_NO_CALLS: Final = frozenset(code for code, kind in _KNOWN.items() if kind.name in NO_CALLS)

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


def period(settings: Mapping[str, Any]) -> Period:
    """Return the part of the capture that is to be replayed.

    :raises ConfigError: a time is none.
    """
    block = engine(settings).get("replay") or {}
    found = []
    for name in ("from", "to"):
        told = block.get(name) if isinstance(block, Mapping) else None
        at = None if told in (None, "") else moment(str(told))
        if told not in (None, "") and at is None:
            raise ConfigError(
                f"engine.replay.{name}: expected a time such as 2026-11-28T08:14:00 or +90s, not {told!r}."
            )
        found.append(at)
    begin, end = found
    if begin is not None and end is not None and begin.since_first == end.since_first and end.ns < begin.ns:
        raise ConfigError(f"engine.replay.to: {block['to']} is before engine.replay.from, {block['from']}.")
    return Period(begin, end)


def counts_seconds(settings: Mapping[str, Any]) -> bool:
    """Return whether drops are to be simulated, one for each second of the capture."""
    drops = settings.get("syscall_event_drops")
    return isinstance(drops, Mapping) and bool(drops.get("simulate_drops"))


def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield whether the capture can be opened and begins as one, for ``falcohost doctor``."""
    path = capture_file(settings)
    try:
        Capture(path).close()
    except CaptureError as problem:
        yield "capture", str(problem)
    else:
        yield "capture", None


class Replay:
    """The driver (:class:`~falcohost_syscall.drivers.driver.Driver`).

    What is damaged in the capture is left out, and a warning says where.

    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._path = capture_file(settings)
        self._period = period(settings)
        self._is_first = True
        self._seconds = Seconds() if counts_seconds(settings) else None
        self._capture: Capture | None = None
        self._place = 0
        self._applying = Applying()
        self._begin()
        self._received = self._damaged = 0

    def _begin(self) -> None:
        """Forget all of a machine."""
        self._applying.begin()
        self._applying.is_initial = True
        self.tables.hostname = ""
        self._is_beginning = self._is_listing = True

    @property
    def tables(self) -> Tables:
        """The state of the captured machine so far."""
        return self._applying.tables

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
        self._place = self._capture.place

    def update(self, plan: Plan) -> None:
        """Pass on what *plan* asks for from now on."""
        self._applying.update(plan)

    def batches(self) -> Iterator[Batch]:
        """Yield the events until the capture ends."""
        while self._capture is not None and not self._applying.ended:
            yield Batch(self._events(self._capture))

    def _events(self, capture: Capture) -> Iterator[SyscallEvent]:
        """Yield the events of the next blocks; each is yielded while the tables are as of this event."""
        head, size_of = _HEAD.unpack_from, SIZE.unpack_from
        applying = self._applying
        begin, use_of, data, place = applying.calls.begin, applying.uses, capture.data, self._place
        for _ in range(_BATCH):
            try:
                kind, size, cpu, ts, tid, length, code, count = head(data, place)
                is_plain = kind == _EVENT and size_of(data, place + size - 4)[0] == size
            except error:
                is_plain = False
            if not is_plain or not _HEADER <= length <= size - _AROUND or code >= MOST:
                self._place = place
                event = self._other(capture)
                data, place = capture.data, self._place
                if event is not None:
                    yield event
                    use_of = applying.uses
                if applying.ended:
                    return
                continue
            if self._is_beginning:
                self._see(ts, code)
                begin = applying.calls.begin
            use = use_of[code]
            if use.counts:
                applying.number += 1
            at, end = place + _BEHIND, place + _BEFORE + length
            if use.is_begin:
                begin(tid, code, data[at:end], count)
            elif use.is_read:
                self._place = place
                event = self._read(use, data, (at, end, count), code, ts, tid, cpu)
                if event is not None:
                    self._place = place + size
                    yield event
                    use_of = applying.uses
            self._received += 1
            place += size
            self._place = place
            if applying.ended:
                return

    def _read(
        self, use: Use, data: bytes, where: tuple[int, int, int], code: int, ts: int, tid: int, cpu: int
    ) -> SyscallEvent | None:
        try:
            return self._applying.read(use, data, where, code, ts, tid, cpu)
        except TooShortError:
            base = 0 if self._capture is None else self._capture.base
            self._report(Damage(base + self._place, 0, "an event is shorter than it says"))
            return None

    def _see_first(self, ts: int) -> None:
        """Note the time of the first event, which those of the period may be relative to."""
        self._is_first = False
        begin, end = self._period
        if begin is not None:
            self._applying.begin_at = begin.within(ts)
        if end is not None:
            self._applying.end_at = end.within(ts)

    def _other(self, capture: Capture) -> SyscallEvent | None:
        """Read a block that is not one of today's plain events, or pass over damage; return its event, if any."""
        place = self._place
        block = capture.block(place)
        if capture.data is not None and not isinstance(block, Damage) and block is not None:
            place = block.place - capture.base
            self._place = place + _size_of(capture, place)
            return self._block(capture, block)
        if block is None:
            self._applying.ended = True
            return None
        self._place = place = block.place - capture.base
        self._skip(capture, block)
        return None

    def _skip(self, capture: Capture, damage: Damage) -> None:
        """Go on behind damage, if something whole is there."""
        found = capture.next_whole(self._place)
        if found is None:
            self._report(damage._replace(size=None))
            self._applying.ended = True
            return
        self._place = found
        self._report(damage._replace(size=capture.base + found - damage.place))

    def _block(self, capture: Capture, block: Block) -> SyscallEvent | None:
        try:
            if block.type in EVENTS:
                self._received += 1
                return self._old_event(block)
            if block.type == SECTION:  # another capture is appended
                capture.check_section(block)
                self._begin()
            else:
                self._read_list(block)
        except TooShortError:
            text = f"a block of type {block.type:#x} is shorter than it says"
            self._report(Damage(block.place, len(block.body), text))
        except CaptureError as problem:
            self._report(Damage(block.place, None, str(problem).partition(": byte ")[2].partition(": ")[2].rstrip(".")))
            self._applying.ended = True
        return None

    def _old_event(self, block: Block) -> SyscallEvent | None:
        """Return the event of a block with flags, or as older captures have them."""
        applying = self._applying
        code, call = applying.calls.call(block.type, block.body)
        if self._is_beginning:
            self._see(time_of(block.type, block.body), code)
        if code < MOST and applying.uses[code].counts:
            applying.number += 1
        return None if call is None else applying.apply(call)

    def _read_list(self, block: Block) -> None:
        kind, tables = block.type, self.tables
        if kind in lists.PROCESSES:
            for thread in lists.threads(block.body, lists.PROCESSES[kind]):
                tables.list_thread(thread)
        elif kind in lists.DESCRIPTORS:
            tables.list_descriptors(*lists.descriptors(block.body, lists.DESCRIPTORS[kind]))
        elif kind in lists.USERS:
            for user in lists.users(block.body, lists.USERS[kind]):
                tables.users.add(user)
        elif kind in lists.MACHINE:
            tables.hostname = text(lists.hostname(block.body))
        elif kind in lists.INTERFACES:
            for interface in lists.interfaces(block.body, lists.INTERFACES[kind]):
                tables.interfaces.add(interface.address, interface.mask)

    def _see(self, ts: int, code: int) -> None:
        """Note an event at the beginning: lists end with the first, what tells of the state with the first other.

        ``evt.reltime`` counts from the first one of a call.
        """
        if self._is_listing:
            self._end_lists(ts)
        applying = self._applying
        if code not in _INITIAL:
            applying.is_initial = False
        if (
            applying.tables.context.first is None
            and code < MOST
            and applying.uses[code].counts
            and code not in _NO_CALLS
        ):
            applying.tables.context.first = ts
        if self._seconds is not None and not applying.is_initial:
            self._seconds.see(ts)
        self._is_beginning = applying.is_initial or applying.tables.context.first is None or self._seconds is not None

    def _end_lists(self, ts: int) -> None:
        """Link what the lists have told, since the first event, of *ts*, comes."""
        if self._is_first:
            self._see_first(ts)
        self._is_listing = False
        self.tables.link()

    def _report(self, damage: Damage) -> None:
        self._damaged += 1
        if self._damaged <= _REPORTED:
            _log.warning("%s: %s.", self._path, damage)
        if self._damaged == _REPORTED:
            _log.warning("%s: further damage is counted, but not reported.", self._path)

    def stats(self) -> SourceStats:
        """Return the counters since :meth:`open`; *damaged* is the number of places that were left out."""
        capture = self._capture
        done = None if capture is None or not capture.size else min(capture.read / capture.size, 1.0)
        elapsed = None if self._seconds is None else self._seconds.passed
        lost = {"damaged": self._damaged}
        return SourceStats(self._received, self._applying.passed, dropped=lost, done=done, elapsed=elapsed)

    def close(self) -> None:
        """Close the capture."""
        if self._capture is not None:
            self._capture.close()
            self._capture = None


def _size_of(capture: Capture, place: int) -> int:
    size: int = SIZE.unpack_from(capture.data, place + SIZE.size)[0]
    return size
