"""Filters that are compiled where the rules are read, and kept with what these ask for: the loader only makes them.

What is kept is what the kernel is asked for, in order, with numbers in place of descriptors. It is trusted as what the
rules ask for is, by which the kernel leaves events out, too: whoever could write it decides what is left out, but not
what else the kernel does, since filters name only their own maps and call four helpers. A kernel that refuses any of
it needs weaker filters, and one with other loops needs other ones: then they are compiled anew.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from falcohost_syscall.drivers.modern_ebpf.filters import OF_CALLS_MAP, FilterPlace, Filters, load
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.kernel.assembler import GET_SMP_PROCESSOR_ID, MAP_LOOKUP_ELEM, PROBE_READ_KERNEL, TAIL_CALL
from falcohost_syscall.kernel.instructions import NUMBER, calls, map_places
from falcohost_syscall.kernel.programs import PROGRAM_TRACING

#: The first version of Linux that has may_goto. Where another one has it, filters are compiled by the loader.
_LOOPS_SINCE: Final = (6, 9)
#: What filters call, as :func:`calls` tells it.
HELPERS: Final = frozenset((0, one) for one in (MAP_LOOKUP_ELEM, GET_SMP_PROCESSOR_ID, TAIL_CALL, PROBE_READ_KERNEL))
#: How long a step is, before it; and of how many packed bytes some are unpacked.
_SIZE: Final = struct.Struct("=I")
_AT_ONCE: Final = 4096


class Written(msgspec.Struct, frozen=True):
    """What to make. Numbers stand for descriptors: from 0 for what is made, from -1 down for the place's maps.

    :ivar loops: programs have loops that need may_goto.
    :ivar given: the names of the place's maps.
    :ivar count: number of the steps.
    :ivar steps: methods of :class:`FilterKernel` and their arguments, packed, since whole they are 2.4 MB; a program
        has, beside its instructions, pairs of where in these a map is named, and its number.
    :ivar programs: the map of filters, the index in it, and the number of the program.
    :ivar weaker: as in :class:`Filters`.
    """

    loops: bool
    given: list[str]
    count: int
    steps: bytes
    programs: list[tuple[str, int, int]]
    weaker: list[str]


def write(
    conditions: Mapping[str, Condition], release: str | None = None, begun: AbstractSet[str] = frozenset()
) -> bytes:
    """Return the filters of *conditions* for a kernel of this *release*, that of this machine by default.

    :param begun: as in :func:`.filters.load`.
    """
    writing = _Writing(_has_loops(release or os.uname().release))
    filters = load(conditions, writing, begun=begun)
    programs = [(*place, number) for place, number in filters.programs.items()]
    steps = [_encode(step) for step in writing.steps()]
    packed = zlib.compress(b"".join(_SIZE.pack(len(step)) + step for step in steps))
    return _encode(Written(writing.has_may_goto, [*writing.given], len(steps), packed, programs, filters.weaker))


def read(data: bytes) -> Written | None:
    """Return what :func:`write` returned; None if that is nothing.

    :raises ValueError: it is something else.
    """
    return _decode(data) if data else None


def _has_loops(release: str) -> bool:
    numbers = release.partition("-")[0].split(".")[:2]
    return tuple(int(one) for one in numbers if one.isdigit()) >= _LOOPS_SINCE


class _Writing:
    """A kernel, and a place for it, that notes what it is asked for."""

    def __init__(self, loops: bool) -> None:
        self.has_may_goto = loops
        self.given: dict[str, int] = {}
        self._steps: list[tuple[str, list[Any]]] = []

    @property
    def kernel(self) -> _Writing:
        """Itself."""
        return self

    def map_fd(self, name: str) -> int:
        """Return what stands for a map of the place: a negative number."""
        return self.given.setdefault(name, -1 - len(self.given))

    def hash(self, keys: Iterable[bytes], size: int) -> int:
        """Note a hash map."""
        return self._note("hash", [*keys], size)

    def trie(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> int:
        """Note a trie."""
        return self._note("trie", [*prefixes], size)

    def table(self, value: bytes) -> int:
        """Note an array with one entry."""
        return self._note("table", value)

    def program(self, code: bytes, kind: int = PROGRAM_TRACING, tracepoint: str = "sys_exit") -> int:
        """Note a program."""
        return self._note("program", code, kind, tracepoint)

    def close(self, descriptor: int) -> None:
        """Do nothing: all maps are closed at the end."""

    def _note(self, name: str, *arguments: Any) -> int:
        self._steps.append((name, [*arguments]))
        return len(self._steps) - 1

    def steps(self) -> list[tuple[str, list[Any]]]:
        """Return what was noted; where programs name maps is told beside their instructions."""
        for name, arguments in self._steps:
            if name == "program":
                arguments.append([*map_places(arguments[0])])
        return self._steps


class _Steps:
    """Unpacks steps, one after the other."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._place = 0
        self._left = b""
        self._inflate = zlib.decompressobj()

    def following(self) -> tuple[str, list[Any]]:
        """Return the next step.

        :raises ValueError: there is none.
        """
        return _decode_step(self._bytes(*_SIZE.unpack(self._bytes(_SIZE.size))))

    def _bytes(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            if not self._left:  # little at once, since what is not taken is copied
                self._left = self._packed[self._place : self._place + _AT_ONCE]
                self._place += _AT_ONCE
            ended = not self._left
            try:
                part = self._inflate.decompress(self._left, count - len(found))
            except zlib.error as error:
                raise ValueError(f"steps are damaged: {error}") from error
            if ended and not part:
                raise ValueError("steps end early")
            self._left = self._inflate.unconsumed_tail
            found += part
        return bytes(found)


class Making:
    """Makes what was *written* for a *place*, as much at a time as the caller has time for; close it at the end.

    Without *processes* successful execs and exits of processes have no filters.
    """

    def __init__(self, written: Written, place: FilterPlace, *, processes: bool) -> None:
        self._written = written
        kernel = place.kernel
        self._call: Mapping[str, Callable[..., int]] = {
            "hash": kernel.hash,
            "trie": kernel.trie,
            "table": kernel.table,
            "program": kernel.program,
        }
        self._given = [place.map_fd(name) for name in written.given]
        self._wanted = [one for one in written.programs if processes or one[0] == OF_CALLS_MAP]
        self._needed = {number for *_, number in self._wanted}
        self._made: dict[int, int] = {}
        self._next = 0
        self._steps = _Steps(written.steps)

    def go_on(self, seconds: float) -> Filters | None:
        """Make some of it in so many *seconds*, at least one thing; return the filters once all is made.

        :raises LibbpfError: the kernel has refused something.
        :raises ValueError: steps are not what :func:`write` wrote.
        """
        end = time.monotonic() + seconds
        while self._next < self._written.count:
            self._step(self._next, *self._steps.following())
            self._next += 1
            if time.monotonic() >= end:
                return None
        return Filters(
            {(name, index): self._made[number] for name, index, number in self._wanted}, self._written.weaker
        )

    def _step(self, number: int, name: str, arguments: list[Any]) -> None:
        if name == "program":
            if number not in self._needed:
                return
            code, kind, tracepoint, places = arguments
            arguments = [self._with_maps(code, places), kind, tracepoint]
        self._made[number] = self._call[name](*arguments)

    def _with_maps(self, code: bytes, places: Iterable[tuple[int, int]]) -> bytes:
        named = bytearray(code)
        for place, number in places:
            descriptor = self._given[-1 - number] if number < 0 else self._made[number]
            NUMBER.pack_into(named, place, descriptor)
        whole = bytes(named)
        if {place for place, _ in map_places(whole)} != {place for place, _ in places}:
            raise ValueError("a filter names maps that are none of its own")
        if not HELPERS.issuperset(calls(whole)):
            raise ValueError("a filter calls what no filter calls")
        return whole

    def close(self, but: AbstractSet[int] = frozenset()) -> None:
        """Close maps and filters *but* these descriptors; those that are in use remain loaded."""
        for descriptor in self._made.values():
            if descriptor not in but:
                os.close(descriptor)
        self._made.clear()


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Written).decode
_decode_step: Final = msgspec.msgpack.Decoder(tuple[str, list[Any]]).decode
