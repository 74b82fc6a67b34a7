"""Keeps what was written into maps that nobody else writes to, and finds what somebody else has written there."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from sys import byteorder
from typing import Final, NamedTuple

import msgspec

from falcohost import SourceError
from falcohost_syscall.kernel.maps import ARRAY, HASH, Maps, Shape

_ID: Final = 4
#: Fewer entries are looked up one by one.
_MANY: Final = 4


class Difference(NamedTuple):
    """An entry that is not as it was written.

    :ivar array: the map is a program array, whose entries cannot be written again without the programs.
    """

    map_fd: int
    name: str
    key: bytes
    array: bool


class Array(NamedTuple):
    """What an array has to have.

    :ivar entries: by key, values of *size* bytes, or the numbers of programs, of which 0 is none.
    """

    map_fd: int
    size: int
    entries: Mapping[bytes, bytes] | Mapping[bytes, int]


#: Returns whether arrays have what they are to have; the version is another one if that was something else before.
Compare = Callable[[int, Callable[[], Iterable[Array]]], bool]


class Entries(msgspec.Struct, frozen=True, array_like=True):
    """What one map has to have, by key: values, and in a program array the numbers of programs."""

    name: str
    values: dict[bytes, bytes]
    programs: dict[bytes, int]


class Ledger:
    """Writes to maps, and compares.

    :ivar version: another one after each change of what maps have to have.
    """

    def __init__(self, maps: Maps) -> None:
        self._maps = maps
        self._names: dict[int, str] = {}
        self._values: dict[int, dict[bytes, bytes]] = {}
        self._programs: dict[int, dict[bytes, int]] = {}
        self._shapes: dict[int, Shape] = {}
        self._versions = itertools.count(1)
        self._version_of_arrays = 0
        self._writing = threading.Lock()  # an entry is not compared between its being written and noted
        self.version = 0

    def set(self, map_fd: int, name: str, key: bytes, value: bytes) -> None:
        """Set an entry of the map *name*."""
        with self._writing:
            self._maps.update(map_fd, key, value)
            self.note(map_fd, name, key, value)

    def note(self, map_fd: int, name: str, key: bytes, value: bytes) -> None:
        """Take note that an entry of the map *name* has this value, whoever has set it."""
        self._names[map_fd] = name
        self._values.setdefault(map_fd, {})[key] = value
        self._changes(arrays=self._shape(map_fd).kind == ARRAY)

    def put(self, map_fd: int, name: str, key: bytes, program: int) -> None:
        """Put the program with this descriptor into an entry of the program array *name*."""
        self._maps.update(map_fd, key, program.to_bytes(_ID, byteorder))
        self._names[map_fd] = name
        self._programs.setdefault(map_fd, {})[key] = self._maps.identity(program)
        self._changes(arrays=True)

    def take(self, map_fd: int, name: str, keys: Iterable[bytes]) -> None:
        """Take the present entries of a program array, which the kernel has from its object, as those to be."""
        self._names[map_fd] = name
        found = self._programs.setdefault(map_fd, {})
        for key in keys:
            found[key] = self._program(map_fd, key)
        self._changes(arrays=True)

    def delete(self, map_fd: int, key: bytes) -> None:
        """Remove an entry, if it exists. One of a program array has to stay empty from now on."""
        with self._writing:
            self._maps.delete(map_fd, key)
            self._values.get(map_fd, {}).pop(key, None)
        if is_program := key in (programs := self._programs.get(map_fd, {})):
            programs[key] = 0
        self._changes(arrays=is_program)

    def drop(self, map_fd: int, key: bytes) -> None:
        """Compare an entry no more."""
        self._values.get(map_fd, {}).pop(key, None)
        self._changes(arrays=True)

    def forget(self, map_fd: int) -> None:
        """Forget a map that is to be closed."""
        for kept in (self._names, self._values, self._programs, self._shapes):
            kept.pop(map_fd, None)
        self._changes(arrays=True)

    def expect_empty(self, map_fd: int, name: str, keys: Iterable[bytes]) -> None:
        """Expect no program in these entries of a program array, unless one was put there."""
        self._names[map_fd] = name
        found = self._programs.setdefault(map_fd, {})
        for key in keys:
            found.setdefault(key, 0)
        self._changes(arrays=True)

    def entries(self) -> dict[int, Entries]:
        """Return what each map has to have, by the kernel's number of the map, for another process."""
        return {
            self._maps.identity(map_fd): Entries(name, self._values.get(map_fd, {}), self._programs.get(map_fd, {}))
            for map_fd, name in [*self._names.items()]  # another thread may add one
        }

    def restore(self, entries: Mapping[int, Entries], descriptors: Iterable[int]) -> None:
        """Expect these *entries* from now on, in the maps with these *descriptors*."""
        for map_fd in descriptors:
            if (found := entries.get(self._maps.identity(map_fd))) is not None:
                self._names[map_fd] = found.name
                self._values[map_fd], self._programs[map_fd] = dict(found.values), dict(found.programs)
        self._changes(arrays=True)

    def differences(self, are_right: Compare = lambda version, arrays: False) -> Iterator[Difference]:
        """Yield the entries that are not as they were written.

        :param are_right: arrays of which it returns False are compared entry by entry.
        """
        right = are_right(self._version_of_arrays, self._arrays)
        for map_fd, values in [*self._values.items()]:  # another thread may add one
            if right and self._shape(map_fd).kind == ARRAY:
                continue
            with self._writing:
                there = self._there(map_fd, [*values])
                different = [key for key, found in zip(values, there, strict=True) if found != values[key]]
            for key in different:
                yield Difference(map_fd, self._names[map_fd], key, False)
        for map_fd, programs in () if right else self._programs.items():
            found_programs = self._maps.find_each(map_fd, programs, _ID)
            for (key, program), found in zip(programs.items(), found_programs, strict=True):
                if (0 if found is None else int.from_bytes(found, byteorder)) != program:
                    yield Difference(map_fd, self._names[map_fd], key, True)

    def _arrays(self) -> Iterator[Array]:
        for map_fd, programs in self._programs.items():
            yield Array(map_fd, _ID, programs)
        for map_fd, values in [*self._values.items()]:
            if (shape := self._shape(map_fd)).kind == ARRAY:
                yield Array(map_fd, shape.value, values)

    def _shape(self, map_fd: int) -> Shape:
        if (shape := self._shapes.get(map_fd)) is None:
            shape = self._shapes[map_fd] = self._maps.shape(map_fd)
        return shape

    def _there(self, map_fd: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return what is in a map; many entries are read with few calls."""
        shape = self._shape(map_fd)
        if len(keys) >= _MANY and shape.kind == ARRAY:
            places = sorted(map(_place, keys))
            by_place = dict(zip(places, self._maps.places(map_fd, places, shape.value), strict=True))
            return [by_place[_place(key)] for key in keys]
        if len(keys) < _MANY or shape.kind != HASH:
            return [*self._maps.find_each(map_fd, keys, shape.value)]
        found = dict(self._maps.listed(map_fd, shape.key, shape.value))
        return [found[key] if key in found else self._maps.find(map_fd, key, shape.value) for key in keys]

    def mend(self, found: Difference) -> bool:
        """Write an entry as it was; return whether that is possible."""
        value = self._values.get(found.map_fd, {}).get(found.key)
        if value is None:
            return False
        try:
            self._maps.update(found.map_fd, found.key, value)
        except SourceError:
            return False
        return True

    def programs(self) -> frozenset[int]:
        """Return the numbers of all programs that were put into program arrays."""
        return frozenset(number for found in self._programs.values() for number in found.values())

    @property
    def maps(self) -> dict[int, str]:
        """The descriptors and names of the maps."""
        return self._names

    def _changes(self, *, arrays: bool = False) -> None:
        self.version = next(self._versions)
        if arrays:
            self._version_of_arrays = self.version

    def _program(self, map_fd: int, key: bytes) -> int:
        found = self._maps.find(map_fd, key, _ID)
        return 0 if found is None else int.from_bytes(found, byteorder)


def _place(key: bytes) -> int:
    return int.from_bytes(key, byteorder)
