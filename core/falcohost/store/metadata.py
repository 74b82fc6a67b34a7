"""Metadata of rules, each stored once: an alert in bytes names it by a key, which is computed from its content."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import msgspec

from falcohost.alert import NO_METADATA, RuleMetadata
from falcohost.digest import blake2b

#: Returns the rows that a statement finds.
Query: TypeAlias = Callable[[str, tuple[object, ...]], list[tuple[bytes]]]

#: Metadata by key.
ByKey: TypeAlias = Mapping[int, RuleMetadata]

#: The key of no metadata.
NO_KEY = 0


@functools.lru_cache(maxsize=1024)
def key_of(metadata: RuleMetadata) -> int:
    """Return the key of *metadata*: 63 bits of a hash, so that nobody can forge metadata with the same key."""
    if metadata == NO_METADATA:
        return NO_KEY
    digest = blake2b(_encode(metadata), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


def by_key(found: Iterable[RuleMetadata]) -> dict[int, RuleMetadata]:
    """Return metadata by key."""
    return {key_of(metadata): metadata for metadata in found}


class StoredMetadata(dict[int, RuleMetadata]):
    """Metadata by key, as the database has it; no metadata where it has none. Each is read once, by *query*.

    :param lenient: where they are damaged there are none; else a ValueError.
    """

    def __init__(self, query: Query, *, lenient: bool = False) -> None:
        super().__init__({NO_KEY: NO_METADATA})
        self._query = query
        self._lenient = lenient

    def __missing__(self, key: int) -> RuleMetadata:
        """Read what is not known yet."""
        rows = self._query("SELECT body FROM metadata WHERE key = ?", (key,))
        usable = rows and not (self._lenient and not is_metadata(rows[0][0]))
        found = self[key] = _decode(rows[0][0]) if usable else NO_METADATA
        return found


def is_metadata(body: bytes) -> bool:
    """Return whether *body* can be decoded."""
    try:
        _decode(body)
    except ValueError:
        return False
    return True


def row(key: int, metadata: RuleMetadata, last: int) -> tuple[object, ...]:
    """Return what the table holds of *metadata*; *last* is the number of an alert with it."""
    return key, last, _encode(metadata)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RuleMetadata).decode
