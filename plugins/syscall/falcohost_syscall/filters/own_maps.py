"""Keeps the constants that a filter looks up: each set in a map of its own, or, where there are many, several in one.

The kernel lets a program use 64 maps. A set's own map serves all filters that ask for the same set; joined ones serve a
filter that asks for too many, whose maps then are as many as there are sizes of keys.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, TypeAlias

from falcohost_syscall.filters.comparing import NUMBER, Kept

if TYPE_CHECKING:
    from collections.abc import Iterable

    from falcohost_syscall.filters.site import SiteMaps
    from falcohost_syscall.kernel.programs import FilterKernel

#: At most this many maps hold one set each: what the kernel allows (MAX_USED_MAPS), less the three of the site.
MOST: Final = 61
_ALIGNED: Final = 8

_Texts: TypeAlias = tuple[frozenset[bytes], int]
_Prefixes: TypeAlias = tuple[frozenset[tuple[bytes, int]], int]


class OwnMaps(AbstractContextManager["OwnMaps", None]):
    """The site's maps, and new maps for one program, which keeps them alive after the end of the context.

    :ivar too_many: more sets were asked for than can have maps of their own, so what was compiled is of no use. All are
        known now; after :meth:`join` the same can be compiled again.
    """

    def __init__(self, kernel: FilterKernel, given: SiteMaps) -> None:
        self.memory, self.stages, self.keyed = given
        self.loops = kernel.has_may_goto
        self.too_many = False
        self._kernel = kernel
        self._made: list[int] = []
        self._texts: dict[_Texts, Kept] = {}
        self._prefixes: dict[_Prefixes, Kept] = {}
        self._tables: dict[bytes, Kept] = {}

    def texts(self, constants: Iterable[bytes], size: int) -> Kept:
        """Return where *constants* are, each padded with zeros to *size* bytes."""
        what = frozenset(constants), size
        if what not in self._texts:
            self._texts[what] = self._unmade() or self._keep(self._kernel.hash(*what))
        return self._texts[what]

    def prefixes(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> Kept:
        """Return where *prefixes* are, for keys of at most *size* bytes."""
        what = frozenset(prefixes), size
        if what not in self._prefixes:
            self._prefixes[what] = self._unmade() or self._keep(self._kernel.trie(*what))
        return self._prefixes[what]

    def table(self, value: bytes) -> Kept:
        """Return where *value* is."""
        if value not in self._tables:
            self._tables[value] = self._unmade() or self._keep(self._kernel.table(value))
        return self._tables[value]

    def join(self) -> None:
        """Keep all sets that were asked for in one map for each kind and size of keys, and all tables in one."""
        self._close()
        texts, prefixes = defaultdict[int, set[bytes]](set), defaultdict[int, set[tuple[bytes, int]]](set)
        for number, (constants, size) in enumerate(self._texts):
            texts[size].update(_number(number) + constant for constant in constants)
        for number, (begins, size) in enumerate(self._prefixes):
            prefixes[size].update((_number(number) + data, 8 * NUMBER + bits) for data, bits in begins)
        hashes = {size: self._keep(self._kernel.hash(keys, NUMBER + size)).map for size, keys in texts.items()}
        tries = {size: self._keep(self._kernel.trie(keys, NUMBER + size)).map for size, keys in prefixes.items()}
        self._texts = {what: Kept(hashes[what[1]], number) for number, what in enumerate(self._texts)}
        self._prefixes = {what: Kept(tries[what[1]], number) for number, what in enumerate(self._prefixes)}
        if self._tables:
            self._join_tables()

    def _join_tables(self) -> None:
        places, joined = {}, bytearray()
        for value in self._tables:
            places[value] = len(joined)
            joined += value.ljust(-(-len(value) // _ALIGNED) * _ALIGNED, b"\0")
        kept = self._keep(self._kernel.table(bytes(joined)))
        self._tables = {value: kept._replace(number=place) for value, place in places.items()}

    def _unmade(self) -> Kept | None:
        """Return what stands for one more map, if there are too many."""
        self.too_many = len(self._made) >= MOST
        return Kept(0) if self.too_many else None

    def _keep(self, descriptor: int) -> Kept:
        self._made.append(descriptor)
        return Kept(descriptor)

    def _close(self) -> None:
        for descriptor in self._made:
            self._kernel.close(descriptor)
        self._made.clear()

    def __exit__(self, *exc: object) -> None:
        self._close()


def _number(number: int) -> bytes:
    return struct.pack("=I", number)
