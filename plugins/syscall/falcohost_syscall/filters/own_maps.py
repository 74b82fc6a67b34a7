"""Keeps the constants that a filter looks up: each set in a map of its own, or, where there are many, several in one.

The kernel lets a program use 64 maps. A set's own map serves all filters that ask for the same set; joined ones serve a
filter that asks for too many, whose maps then are as many as there are sizes of keys.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from contextlib import AbstractContextManager
from itertools import chain
from typing import TYPE_CHECKING, Final

from falcohost_syscall.filters import searching
from falcohost_syscall.filters.comparing import NUMBER, Kept
from falcohost_syscall.filters.condition import Condition, literals
from falcohost_syscall.filters.sets import Prefixes, Search, Texts, at_most, sets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from falcohost_syscall.filters.site import SiteMaps
    from falcohost_syscall.kernel.programs import FilterKernel

#: At most this many maps hold one set each: what the kernel allows (MAX_USED_MAPS), less the three of the site.
MOST: Final = 61
_ALIGNED: Final = 8
#: Stands for a map until there is one.
_UNMADE: Final = Kept(0)


class OwnMaps(AbstractContextManager["OwnMaps", None]):
    """The site's maps, and new maps for one program, which keeps them alive after the end of the context.

    Whoever asks for more sets than can have maps of their own has to let that be foreseen.
    """

    def __init__(self, kernel: FilterKernel, given: SiteMaps) -> None:
        self.memory, self.stages, self.keyed = given
        self.loops = kernel.has_may_goto
        self._kernel = kernel
        self._made: list[int] = []
        self._texts: dict[Texts, Kept] = {}
        self._prefixes: dict[Prefixes, Kept] = {}
        self._tables: dict[bytes, Kept] = {}

    def texts(self, constants: Iterable[bytes], size: int) -> Kept:
        """Return where *constants* are, each padded with zeros to *size* bytes."""
        what = Texts(frozenset(constants), size)
        if what not in self._texts:
            self._texts[what] = self._keep(self._kernel.hash(*what))
        return self._texts[what]

    def prefixes(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> Kept:
        """Return where *prefixes* are, for keys of at most *size* bytes."""
        what = Prefixes(frozenset(prefixes), size)
        if what not in self._prefixes:
            self._prefixes[what] = self._keep(self._kernel.trie(*what))
        return self._prefixes[what]

    def table(self, value: bytes) -> Kept:
        """Return where *value* is."""
        if value not in self._tables:
            self._tables[value] = self._keep(self._kernel.table(value))
        return self._tables[value]

    def foresee(self, condition: Condition) -> None:
        """If a filter of *condition* looks up too many sets, keep them in one map for each kind and size of keys.

        Its tables then are in one map, too.
        """
        tests = [literal.test for literal in literals(condition)]
        if sum(map(at_most, tests)) <= MOST:
            return
        found = dict.fromkeys(chain.from_iterable(map(sets, dict.fromkeys(tests))))
        if len(found) <= MOST:
            return
        self._texts = {one: _UNMADE for one in found if isinstance(one, Texts)}
        self._prefixes = {one: _UNMADE for one in found if isinstance(one, Prefixes)}
        searches = (one for one in found if isinstance(one, Search))
        self._tables = {searching.table(one.constants, fold=one.fold): _UNMADE for one in searches}
        self._join()

    def _join(self) -> None:
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

    def _keep(self, descriptor: int) -> Kept:
        self._made.append(descriptor)
        return Kept(descriptor)

    def __exit__(self, *exc: object) -> None:
        for descriptor in self._made:
            self._kernel.close(descriptor)
        self._made.clear()


def _number(number: int) -> bytes:
    return struct.pack("=I", number)
