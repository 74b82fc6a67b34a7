"""Reads and changes BPF maps, and reads iterators, by their descriptors alone."""

from __future__ import annotations

import ctypes
import enum
import errno
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from falcohost_syscall.kernel.libbpf import Library

_NOEXIST: Final = 1
_EXIST: Final = 2
# linux/bpf.h: BPF_F_RDONLY; type, id, and of a map sizes of keys and values in struct bpf_map_info; kinds of maps;
# struct bpf_get_fd_by_id_opts, since libbpf 1.1.
_READ_ONLY: Final = 1 << 3
_INFO: Final = struct.Struct("=II")
_SHAPE: Final = struct.Struct("=IIII")
HASH, ARRAY = 1, 2
_OPTIONS: Final = struct.Struct("=QII")
_CHUNK: Final = 1 << 18
#: Most entries of a hash map that are listed at once, and most bytes of entries of any map.
_AT_ONCE, _BYTES = 512, 1 << 16
#: Entries of an array that nobody asks for, but that are read along, and bytes of them: a call takes as long.
_BETWEEN, _BETWEEN_BYTES = 8, 1024
_U32: Final = struct.Struct("=I")


class Added(enum.Enum):
    """Whether an entry was set: it may have been there before, or the map may be full."""

    YES = "yes"
    NO = "no"
    NO_ROOM = "no room"


class Shape(NamedTuple):
    """What kind of map one is (:data:`HASH`, :data:`ARRAY`, …), and the sizes of its keys and values in bytes."""

    kind: int
    key: int
    value: int


class Maps:
    """Reads and changes maps, whoever made them."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._lib = library.lib

    def update(self, map_fd: int, key: bytes, value: bytes) -> None:
        """Set one entry of a map."""
        self.library.check(self._lib.bpf_map_update_elem(map_fd, key, value, 0), "Cannot write to a map of the probe")

    def add(self, map_fd: int, key: bytes, value: bytes) -> Added:
        """Set one entry of a map unless the key exists."""
        result = int(self._lib.bpf_map_update_elem(map_fd, key, value, _NOEXIST))
        if result == 0:
            return Added.YES
        return Added.NO_ROOM if result in (-errno.E2BIG, -errno.ENOMEM) else Added.NO

    def replace(self, map_fd: int, key: bytes, value: bytes) -> bool:
        """Set one entry of a map if the key exists; return whether it does."""
        return int(self._lib.bpf_map_update_elem(map_fd, key, value, _EXIST)) == 0

    def delete(self, map_fd: int, key: bytes) -> None:
        """Remove one entry of a map, if it exists."""
        self._lib.bpf_map_delete_elem(map_fd, key)

    def lookup(self, map_fd: int, key: bytes, size: int) -> bytes:
        """Return one entry of a map, *size* bytes; for a per-CPU map these are the values of all CPUs."""
        buffer = ctypes.create_string_buffer(size)
        self.library.check(self._lib.bpf_map_lookup_elem(map_fd, key, buffer), "Cannot read a map of the probe")
        return buffer.raw

    def places(self, map_fd: int, places: Sequence[int], size: int) -> list[bytes]:
        """Return the entries of an array at *places*, which rise, as :meth:`lookup` returns each, with fewer calls."""
        runs = _runs(tuple(places), size)
        most = max((count for _, count, _ in runs), default=0)
        keys, values = (ctypes.create_string_buffer(most * each) for each in (_U32.size, size))
        last, number, look_up = ctypes.c_uint32(), ctypes.c_uint32(), self._lib.bpf_map_lookup_batch
        found: list[bytes] = []
        for first, count, wanted in runs:
            number.value = count
            before = _U32.pack(first - 1) if first else None
            result = look_up(map_fd, before, ctypes.byref(last), keys, values, ctypes.byref(number), None)
            if result not in (0, -errno.ENOENT) or number.value != count:  # Linux before 5.13, if a place has values
                return [self.lookup(map_fd, _U32.pack(place), size) for place in places]
            there = ctypes.string_at(values, count * size)
            found += [there[place : place + size] for place in wanted]
        return found

    def find_each(self, map_fd: int, keys: Iterable[bytes], size: int) -> Iterator[bytes | None]:
        """Yield the entries with these *keys*, as :meth:`find` returns each, which takes longer for many."""
        buffer, look_up = ctypes.create_string_buffer(size), self._lib.bpf_map_lookup_elem
        for key in keys:
            yield None if look_up(map_fd, key, buffer) else buffer.raw

    def find(self, map_fd: int, key: bytes, size: int) -> bytes | None:
        """Return one entry of a map, or None if the key does not exist."""
        buffer = ctypes.create_string_buffer(size)
        return None if self._lib.bpf_map_lookup_elem(map_fd, key, buffer) else buffer.raw

    def read_only(self, map_fd: int) -> int | None:
        """Return another descriptor of a map, which can only read it; None where there can be none.

        The kernel asks for CAP_SYS_ADMIN, since the map is opened by its id.
        """
        if not hasattr(self._lib, "bpf_map_get_fd_by_id_opts"):
            return None
        if not (number := self.identity(map_fd)):
            return None
        options = _OPTIONS.pack(_OPTIONS.size, _READ_ONLY, 0)
        found = int(self._lib.bpf_map_get_fd_by_id_opts(number, options))
        return None if found < 0 else found

    def identity(self, descriptor: int) -> int:
        """Return the kernel's number of the map, program or link with this descriptor; 0: it is none."""
        info, size = ctypes.create_string_buffer(_INFO.size), ctypes.c_uint32(_INFO.size)
        if self._lib.bpf_obj_get_info_by_fd(descriptor, info, ctypes.byref(size)) != 0:
            return 0
        return int(_INFO.unpack(info.raw)[1])

    def are_there(self, descriptors: Iterable[int]) -> bool:
        """Return whether each of these descriptors is that of a map, program or link."""
        info, size = ctypes.create_string_buffer(_INFO.size), ctypes.c_uint32()
        get, place = self._lib.bpf_obj_get_info_by_fd, ctypes.byref(size)
        for descriptor in descriptors:
            size.value = _INFO.size
            if get(descriptor, info, place) != 0:
                return False
        return True

    def keys(self, map_fd: int, size: int) -> Iterator[bytes]:
        """Yield the keys of a map, of *size* bytes each, as long as others do not remove them meanwhile."""
        key, following = None, ctypes.create_string_buffer(size)
        while self._lib.bpf_map_get_next_key(map_fd, key, following) == 0:
            key = following.raw
            yield key

    def listed(self, map_fd: int, key_size: int, value_size: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values of a hash map; none where the kernel cannot list many at once (Linux before 5.6)."""
        most = max(min(_AT_ONCE, _BYTES // value_size), 1)
        at: bytes | None = None
        ended = False
        while not ended:
            keys, values = (ctypes.create_string_buffer(most * size) for size in (key_size, value_size))
            following, count = ctypes.create_string_buffer(8), ctypes.c_uint32(most)
            result = self._lib.bpf_map_lookup_batch(map_fd, at, following, keys, values, ctypes.byref(count), None)
            if result == -errno.ENOSPC:  # so many have the same hash
                most *= 2
                continue
            if result not in (0, -errno.ENOENT):
                return
            ended, at = result != 0, following.raw
            keys_there, values_there = keys.raw, values.raw
            for place in range(count.value):
                key, value = place * key_size, place * value_size
                yield keys_there[key : key + key_size], values_there[value : value + value_size]

    def shape(self, map_fd: int) -> Shape:
        """Return the shape of the map with this descriptor."""
        info, size = ctypes.create_string_buffer(_SHAPE.size), ctypes.c_uint32(_SHAPE.size)
        found = self._lib.bpf_obj_get_info_by_fd(map_fd, info, ctypes.byref(size))
        self.library.check(found, "Cannot get the information of a map")
        kind, _, key, value = _SHAPE.unpack(info.raw)
        return Shape(kind, key, value)

    def is_frozen(self, map_fd: int, key: bytes) -> bool:
        """Return whether nobody can write to a map any more; *key*: one that it does not have.

        The kernel refuses to remove an entry of such a map before it looks whether there is one.
        """
        return int(self._lib.bpf_map_delete_elem(map_fd, key)) == -errno.EPERM

    def iterate(self, link: int) -> Iterator[bytes]:
        """Yield what the iterator program behind *link* writes, in pieces."""
        descriptor = self.library.check(self._lib.bpf_iter_create(link), "Cannot read an iterator of the probe")
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk


@lru_cache(maxsize=8)
def _runs(places: tuple[int, ...], size: int) -> tuple[tuple[int, int, list[int]], ...]:
    """Return runs that have all *places* and few others: the first, how many, and where the values of these begin."""
    found: list[tuple[int, int, list[int]]] = []
    between = min(_BETWEEN, _BETWEEN_BYTES // size)
    for place in places:
        first, count, wanted = found[-1] if found else (place, 0, [])
        if place - first - count > between or (place - first + 1) * size > _BYTES:
            first, wanted = place, []
        elif found:
            found.pop()
        wanted.append((place - first) * size)
        found.append((first, place - first + 1, wanted))
    return tuple(found)
