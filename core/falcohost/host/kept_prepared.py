"""Keeps in the rules cache what loaders have prepared, by keys of their own."""

from __future__ import annotations

from pathlib import Path

from falcohost.digest import blake2b
from falcohost.host import kept_entries
from falcohost.rules.cache_files import PREPARED


class KeptPrepared:
    """What the loader of *source* keeps in *directory*; None: nothing is kept.

    It is an :class:`~falcohost.PreparedCache`.
    """

    def __init__(self, directory: Path | None, source: str) -> None:
        self._directory = directory
        self._source = source

    def read(self, key: bytes) -> bytes | None:
        """Return what was written under *key*; None: nothing that can be trusted."""
        return None if self._directory is None else kept_entries.read(self._directory, self._named(key), PREPARED)

    def write(self, key: bytes, data: bytes) -> None:
        """Keep *data* under *key*, if that is possible."""
        if self._directory is not None:
            kept_entries.write(self._directory, self._named(key), data, PREPARED)

    def _named(self, key: bytes) -> bytes:
        return blake2b(key, key=self._source.encode()[:64], digest_size=kept_entries.SIZE).digest()
