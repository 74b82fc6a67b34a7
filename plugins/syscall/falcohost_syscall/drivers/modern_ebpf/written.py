"""Filters that are compiled where the rules are read, and kept with what these ask for: the loader only makes them.

What is kept is what the kernel is asked for, in order, with numbers in place of descriptors. It is trusted as what the
rules ask for is, by which the kernel leaves events out, too: whoever could write it decides what is left out, but not
what else the kernel does (:mod:`falcohost_syscall.filters.allowed`). A kernel that refuses any of it needs weaker
filters, and one with other loops needs other ones: then they are compiled anew.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from falcohost_syscall.drivers.modern_ebpf.filters import (
    MAPS,
    NAMED_MAPS,
    OF_CALLS_MAP,
    FilterPlace,
    Filters,
    goes_on,
    load,
)
from falcohost_syscall.facts import layout
from falcohost_syscall.filters.allowed import Site, require_filter
from falcohost_syscall.filters.condition import Condition
from falcohost_syscall.kernel.instructions import NUMBER, loads, map_places
from falcohost_syscall.kernel.programs import PROGRAM_RAW_TRACEPOINT, PROGRAM_TRACING

#: The first version of Linux that has may_goto. Where another one has it, filters are compiled by the loader.
_LOOPS_SINCE: Final = (6, 9)
#: How long a step is, before it; how long one is at most, and all are; and of how many packed bytes some are unpacked.
_SIZE: Final = struct.Struct("=I")
_MOST, _MOST_OF_ALL = 16 << 20, 128 << 20
_AT_ONCE: Final = 4096
#: What programs load numbers as: themselves, and maps, and the value of one.
_LOADED: Final = frozenset({0, 1, 2})

#: Bytes of keys; the longest text that filters compare is shorter.
_Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 12)]
_Index: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]


class _Hash(msgspec.Struct, frozen=True, array_like=True, tag="hash"):
    keys: list[bytes]
    size: _Size


class _Trie(msgspec.Struct, frozen=True, array_like=True, tag="trie"):
    prefixes: list[tuple[bytes, _Index]]
    size: _Size


class _Table(msgspec.Struct, frozen=True, array_like=True, tag="table"):
    value: bytes


class _Program(msgspec.Struct, frozen=True, array_like=True, tag="program"):
    """A program.

    :ivar places: where in its instructions a map is named, and its number.
    """

    code: bytes
    kind: int
    tracepoint: str
    places: list[tuple[_Index, int]]


#: A method of :class:`FilterKernel` and its arguments.
_Step: TypeAlias = _Hash | _Trie | _Table | _Program
#: For what programs are.
_KINDS: Final = frozenset({PROGRAM_RAW_TRACEPOINT, PROGRAM_TRACING})
_TRACEPOINTS: Final = frozenset({"", "sys_exit", "sched_process_exec", "sched_process_exit"})


class Written(msgspec.Struct, frozen=True):
    """What to make. Numbers stand for descriptors: from 0 for what is made, from -1 down for the place's maps.

    :ivar loops: programs have loops that need may_goto.
    :ivar given: the names of the place's maps.
    :ivar count: number of the steps.
    :ivar steps: methods of :class:`FilterKernel` and their arguments, packed, since whole they are 2.4 MB.
    :ivar programs: the map of filters, the index in it, and the number of the program.
    :ivar weaker: as in :class:`Filters`.
    """

    loops: bool
    given: list[str]
    count: int
    steps: bytes
    programs: list[tuple[str, _Index, int]]
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
    steps = [_encode(step) for step in writing.steps]
    packed = zlib.compress(b"".join(_SIZE.pack(len(step)) + step for step in steps))
    return _encode(Written(writing.has_may_goto, [*writing.given], len(steps), packed, programs, filters.weaker))


def read(data: bytes) -> Written | None:
    """Return what :func:`write` returned; None if that is nothing.

    :raises ValueError: it is something else, or for other maps than those of filters.
    """
    if not data:
        return None
    found = _decode(data)
    if not (NAMED_MAPS.issuperset(found.given) and MAPS.issuperset(name for name, *_ in found.programs)):
        raise ValueError("filters are for maps that have none")
    return found


def _has_loops(release: str) -> bool:
    numbers = release.partition("-")[0].split(".")[:2]
    return tuple(int(one) for one in numbers if one.isdigit()) >= _LOOPS_SINCE


class _Writing:
    """A kernel, and a place for it, that notes what it is asked for."""

    def __init__(self, loops: bool) -> None:
        self.has_may_goto = loops
        self.given: dict[str, int] = {}
        self.steps: list[_Step] = []

    @property
    def kernel(self) -> _Writing:
        """Itself."""
        return self

    def map_fd(self, name: str) -> int:
        """Return what stands for a map of the place: a negative number."""
        return self.given.setdefault(name, -1 - len(self.given))

    def hash(self, keys: Iterable[bytes], size: int) -> int:
        """Note a hash map."""
        return self._note(_Hash([*keys], size))

    def trie(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> int:
        """Note a trie."""
        return self._note(_Trie([*prefixes], size))

    def table(self, value: bytes) -> int:
        """Note an array with one entry."""
        return self._note(_Table(value))

    def program(self, code: bytes, kind: int = PROGRAM_TRACING, tracepoint: str = "sys_exit") -> int:
        """Note a program."""
        return self._note(_Program(code, kind, tracepoint, [*map_places(code)]))

    def close(self, descriptor: int) -> None:
        """Do nothing: all maps are closed at the end."""

    def _note(self, step: _Step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1


class _Steps:
    """Unpacks steps, one after the other."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._place = 0
        self._left = b""
        self._inflate = zlib.decompressobj()
        self._room = _MOST_OF_ALL

    def following(self) -> _Step:
        """Return the next step.

        :raises ValueError: there is none, or it is too long.
        """
        (size,) = _SIZE.unpack(self._bytes(_SIZE.size))
        self._room -= size
        if size > _MOST or self._room < 0:
            raise ValueError(f"a step of {size} bytes, or too many")
        step: _Step = _decode_step(self._bytes(size))
        return step

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
        self._kernel = place.kernel
        self._given = [place.map_fd(name) for name in written.given]
        self._wanted = [one for one in written.programs if processes or one[0] == OF_CALLS_MAP]
        self._needed = {number for *_, number in self._wanted}
        self._sites = {number: self._site(number, place) for number in self._needed}
        self._made: dict[int, int] = {}
        self._programs: set[int] = set()
        self._next = self._told = 0
        self._steps = _Steps(written.steps)

    def go_on(self, seconds: float) -> Filters | None:
        """Make some of it in so many *seconds*, at least one thing; return the filters once all is made.

        :raises LibbpfError: the kernel has refused something.
        :raises ValueError: steps are not what :func:`write` wrote.
        """
        end = time.monotonic() + seconds
        while self._next < self._written.count:
            self._step(self._next, self._steps.following())
            self._next += 1
            if time.monotonic() >= end:
                return None
        if not self._needed <= self._programs:
            raise ValueError("a filter is no program")
        return Filters(
            {(name, index): self._made[number] for name, index, number in self._wanted}, self._written.weaker
        )

    def made(self) -> dict[tuple[str, int], int]:
        """Return the filters that were made since the last call, as in :class:`Filters`."""
        new = self._programs.intersection(range(self._told, self._next))
        self._told = self._next
        return {(name, index): self._made[number] for name, index, number in self._wanted if number in new}

    def _step(self, number: int, step: _Step) -> None:
        kernel = self._kernel
        match step:
            case _Hash():
                self._made[number] = kernel.hash(step.keys, step.size)
            case _Trie():
                self._made[number] = kernel.trie(step.prefixes, step.size)
            case _Table():
                self._made[number] = kernel.table(step.value)
            case _Program() if number in self._needed:
                code = self._with_maps(step)
                require_filter(code, self._sites[number])
                self._made[number] = kernel.program(code, step.kind, step.tracepoint)
                self._programs.add(number)

    def _site(self, number: int, place: FilterPlace) -> Site:
        """Return where the program with this *number* is to be a filter.

        :raises ValueError: at places that no program is for.
        """
        those = {goes_on(name, index) for name, index, other in self._wanted if other == number}
        if len(those) != 1:
            raise ValueError("a filter is for several points")
        ((stages, following),) = those
        return Site(place.map_fd("scratches"), place.map_fd(stages), following, layout.FREE)

    def _with_maps(self, program: _Program) -> bytes:
        if program.kind not in _KINDS or program.tracepoint not in _TRACEPOINTS:
            raise ValueError("a filter is for something else")
        named = bytearray(program.code)
        try:
            for place, number in program.places:
                descriptor = self._given[-1 - number] if number < 0 else self._made[number]
                NUMBER.pack_into(named, place, descriptor)
            whole = bytes(named)
            found = {place for place, _ in map_places(whole)}
        except (LookupError, struct.error) as error:
            raise ValueError(f"a filter is damaged: {error}") from error
        if found != {place for place, _ in program.places} or not _LOADED.issuperset(loads(whole)):
            raise ValueError("a filter names maps that are none of its own")
        return whole

    def close(self, but: AbstractSet[int] = frozenset()) -> None:
        """Close maps and filters *but* these descriptors; those that are in use remain loaded."""
        for descriptor in self._made.values():
            if descriptor not in but:
                os.close(descriptor)
        self._made.clear()


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Written).decode
_decode_step: Final[Any] = msgspec.msgpack.Decoder(_Step).decode
