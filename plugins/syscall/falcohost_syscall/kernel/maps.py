"""Reads and changes BPF maps, and reads iterators, by their descriptors alone."""

from __future__ import annotations

import ctypes
import enum
import errno
import os
import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from falcohost_syscall.kernel.libbpf import Library

_NOEXIST: Final = 1
_EXIST: Final = 2
# linux/bpf.h: BPF_F_RDONLY; type and id in struct bpf_map_info; struct bpf_get_fd_by_id_opts, since libbpf 1.1.
_READ_ONLY: Final = 1 << 3
_INFO: Final = struct.Struct("=II")
_OPTIONS: Final = struct.Struct("=QII")
_CHUNK: Final = 1 << 18
_AT_ONCE: Final = 512


class Added(enum.Enum):
    """Whether an entry was set: it may have been there before, or the map may be full."""

    YES = "yes"
    NO = "no"
    NO_ROOM = "no room"


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

    def values(self, map_fd: int, keys: Iterable[bytes], size: int) -> Iterator[bytes]:
        """Yield the entries with these *keys*, as :meth:`lookup` returns each."""
        for found in self.find_each(map_fd, keys, size):
            if found is None:
                self.library.check(-ctypes.get_errno(), "Cannot read a map of the probe")
            else:
                yield found

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
        at, following = None, ctypes.create_string_buffer(8)
        keys, values = (ctypes.create_string_buffer(_AT_ONCE * size) for size in (key_size, value_size))
        ended = False
        while not ended:
            count = ctypes.c_uint32(_AT_ONCE)
            result = self._lib.bpf_map_lookup_batch(map_fd, at, following, keys, values, ctypes.byref(count), None)
            if result not in (0, -errno.ENOENT):
                return
            ended, at = result != 0, following
            for place in range(count.value):
                key, value = place * key_size, place * value_size
                yield keys.raw[key : key + key_size], values.raw[value : value + value_size]

    def iterate(self, link: int) -> Iterator[bytes]:
        """Yield what the iterator program behind *link* writes, in pieces."""
        descriptor = self.library.check(self._lib.bpf_iter_create(link), "Cannot read an iterator of the probe")
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
