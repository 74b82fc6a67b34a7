"""Makes equal maps once for many filters: rules name the same programs and files for events of many types."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager
from typing import Final

from falcohost_syscall.kernel.programs import PROGRAM_TRACING, FilterKernel

#: At most this many maps are shared, since a process may have only so many descriptors.
MOST: Final = 512


class Sharing(AbstractContextManager["Sharing", None]):
    """Has a kernel make maps and programs. At the end it closes the maps; programs that use them keep them alive."""

    def __init__(self, kernel: FilterKernel) -> None:
        self._kernel = kernel
        self._made: dict[Hashable, int] = {}
        self._shared: set[int] = set()

    @property
    def has_may_goto(self) -> bool:
        """Whether the kernel has may_goto."""
        return self._kernel.has_may_goto

    def hash(self, keys: Iterable[bytes], size: int) -> int:
        """Return a hash map with *keys*, each padded with zeros to *size* bytes."""
        found = frozenset(keys)
        return self._once(("hash", found, size), lambda: self._kernel.hash(found, size))

    def trie(self, prefixes: Iterable[tuple[bytes, int]], size: int) -> int:
        """Return a trie of *prefixes*, each with its length in bits, for keys of at most *size* bytes."""
        found = frozenset(prefixes)
        return self._once(("trie", found, size), lambda: self._kernel.trie(found, size))

    def table(self, value: bytes) -> int:
        """Return an array whose only entry is *value*."""
        return self._once(("table", value), lambda: self._kernel.table(value))

    def program(self, code: bytes, kind: int = PROGRAM_TRACING, tracepoint: str = "sys_exit") -> int:
        """Load a program.

        :raises LibbpfError: the kernel refused it.
        """
        return self._kernel.program(code, kind, tracepoint)

    def close(self, descriptor: int) -> None:
        """Close a descriptor, unless it is that of a map that is shared."""
        if descriptor not in self._shared:
            self._kernel.close(descriptor)

    def __exit__(self, *exc: object) -> None:
        for descriptor in self._shared:
            self._kernel.close(descriptor)

    def _once(self, what: Hashable, make: Callable[[], int]) -> int:
        found = self._made.get(what)
        if found is None:
            found = make()
            if len(self._made) < MOST:
                self._made[what] = found
                self._shared.add(found)
        return found
