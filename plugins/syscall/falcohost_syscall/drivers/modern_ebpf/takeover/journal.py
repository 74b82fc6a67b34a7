"""The journal: what the tables of a source were at some moment, and the records since that changed them.

It ends where all alerts of the events before are stored. A worker that takes over makes the tables from it as they were
there, and reads the rings from there on. So an event has the same process, ancestors and container as if one worker had
read it: also of processes that have ended since, and whatever they call themselves by then.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Annotated, Final

import msgspec

from falcohost.lasting import Memory
from falcohost_syscall.drivers.modern_ebpf.rings import Position
from falcohost_syscall.drivers.modern_ebpf.takeover.boundary import note, remember
from falcohost_syscall.drivers.modern_ebpf.takeover.snapshot import Tables
from falcohost_syscall.processes.cgroup_table import Cgroups

#: Size of each half of the journal's memory, which takes only what is written.
HALF: Final = 64 << 20
#: The journal is begun anew with the tables when it has grown by so many bytes, by so many for each process in them,
#: and by their size. Writing the tables costs 2 to 7 µs for each process, less than reading the records of one fork.
#: A cgroup takes a tenth of that, and thousands are kept after their end.
GROWTH: Final = 2 << 20
GROWTH_EACH: Final = 400

#: Words of the memory: the journal was begun once; so many workers have begun to read since it went on last. Further
#: ones are those of :mod:`.boundary`.
_BEGUN, _ATTEMPTS = 1, 2
_LENGTH: Final = struct.Struct("=IB")
_TABLES, _RECORD, _REACHED, _CGROUPS = range(4)
#: So many cgroups are written at once.
_PIECE: Final = 256


class Reached(msgspec.Struct, frozen=True, array_like=True):
    """How far the worker has come.

    :ivar passed: number of events that it had passed on.
    :ivar mark: the mark of what it has only counted up to there (:class:`falcohost.MarkedSource`).
    """

    position: Position = Position()
    passed: int = 0
    mark: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)] = 0


class Left(msgspec.Struct, frozen=True):
    """What the journal has.

    :ivar tables: the tables at its beginning; None: it has none.
    :ivar records: the records since.
    """

    reached: Reached = Reached()
    tables: Tables | None = None
    records: Sequence[bytes] = ()


class Journal:
    """The journal in *memory*.

    :ivar begun: an earlier worker has begun it.
    :ivar attempts: so many workers have begun to read (:meth:`try_on`) since the journal went on last.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._most = 0
        self.begun = bool(memory.word(_BEGUN))
        self.attempts = memory.word(_ATTEMPTS)
        memory.set_word(_BEGUN, 1)

    def left(self) -> Left:
        """Return what an earlier worker has left.

        :raises ValueError: it is no journal.
        """
        tables, records, reached = None, [], Reached()
        pending: list[bytes] = []
        for kind, data in _entries(self._memory.read()):
            if kind == _RECORD:
                pending.append(data)
            elif kind == _TABLES:
                tables = _tables.decode(data)
            elif kind == _CGROUPS:
                if tables is None:
                    raise ValueError("there are cgroups without tables")
                tables.cgroups.update(_cgroups.decode(data))
            else:
                reached = _reached.decode(data)
                records += pending
                pending = []
        return Left(reached, tables, records)

    def begin(self, tables: Tables, reached: Reached, records: Iterable[bytes] = (), until: int = 0) -> None:
        """Begin the journal anew with these tables and the records since; they are not kept if they are too large.

        :param until: the time of the last record, in nanoseconds since boot.
        """
        if until:
            note(self._memory, until)
        end = _entry(_REACHED, _encode(reached))
        if not self._memory.replace_by(chain(_parts(tables), _records(records), (end,))):
            self._memory.replace(end)
        size = self._memory.size
        self._most = size + max(GROWTH, GROWTH_EACH * len(tables.processes), size)
        self._goes_on()

    def go_on(self, records: Iterable[bytes], reached: Reached, until: int = 0) -> bool:
        """Add the records up to *reached*; return whether the journal should begin anew soon.

        :param until: the time of the last record, in nanoseconds since boot.
        """
        if until:
            note(self._memory, until)
        parts = [*_records(records), _entry(_REACHED, _encode(reached))]
        if not self._memory.append(b"".join(parts)):
            return True
        self._goes_on()
        return self._memory.size > self._most

    def try_on(self) -> None:
        """Take note that this worker begins to read, which may be its end."""
        self.attempts = min(self.attempts + 1, 1 << 32)
        self._memory.set_word(_ATTEMPTS, self.attempts)

    def end(self, records: Sequence[bytes]) -> None:
        """Take note that these *records* were the last ones."""
        remember(self._memory, records)

    def clear(self) -> None:
        """Forget everything."""
        self._memory.clear()

    def close(self) -> None:
        """Unmap it."""
        self._memory.close()

    def _goes_on(self) -> None:
        if self.attempts:
            self.attempts = 0
            self._memory.set_word(_ATTEMPTS, 0)


def _parts(tables: Tables) -> Iterator[bytes]:
    """Yield *tables* part by part: of many MB, each copy would take as much again, and malloc(3) would keep it.

    The cgroups, of which most have ended, are in pieces.
    """
    rest = _encode(msgspec.structs.replace(tables, cgroups={}))
    yield _LENGTH.pack(len(rest), _TABLES)
    yield rest
    cgroups = iter(tables.cgroups.items())
    while some := dict(islice(cgroups, _PIECE)):
        yield _entry(_CGROUPS, _encode(some))


def _records(records: Iterable[bytes]) -> Iterator[bytes]:
    for record in records:
        yield _LENGTH.pack(len(record), _RECORD)
        yield record


def _entry(kind: int, data: bytes) -> bytes:
    return _LENGTH.pack(len(data), kind) + data


def _entries(data: bytes) -> Iterable[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        if at + _LENGTH.size > len(data):
            raise ValueError("the journal is cut")
        length, kind = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        yield kind, data[at : at + length]
        at += length


_encode = msgspec.msgpack.Encoder().encode
_tables = msgspec.msgpack.Decoder(Tables)
_cgroups = msgspec.msgpack.Decoder(Cgroups)
_reached = msgspec.msgpack.Decoder(Reached)
