"""Unpacks data that is there as a whole at once, if it is one JSON object on one line, as an object of CloudTrail is.

Blocks are joined, and looked through for ends of lines when each arrives and when all are there. What is whole needs
neither.
"""

from __future__ import annotations

from typing import Final

from falcohost.jsonlog.blocks import MAGIC
from falcohost.jsonlog.inflate import DAMAGED, whole_decompressor
from falcohost.jsonlog.inputs import MIB

#: Least size of the content: what is shorter may be the first line of a document over several lines.
LEAST: Final = 1 << 16

#: Largest size of the content; it is allocated before it is known that the data says its size rightly.
LARGEST: Final = 4 * MIB


def whole_document(data: bytes, limit: int) -> bytes | None:
    """Return the content of *data*, perhaps gzip'd, if :func:`texts` would yield just that, of at most *limit* bytes.

    None: it has to be read with :func:`read_blocks`, which says what is wrong if anything is.
    """
    content = _unpacked(data) if data[: len(MAGIC)] == MAGIC else data
    if content is None or not LEAST <= len(content) <= min(limit, LARGEST):
        return None
    return content if content[:1] == b"{" and b"\n" not in content else None


def _unpacked(data: bytes) -> bytes | None:
    """Return the content of the only member of gzip *data*, which ends with its size (RFC 1952); None: it is not so."""
    size = int.from_bytes(data[-4:], "little")
    if not LEAST <= size <= LARGEST:
        return None
    gzip = whole_decompressor()
    try:
        content = gzip.decompress(data, size + 1)
    except DAMAGED:
        return None
    is_whole = gzip.eof and not gzip.unused_data and len(content) == size
    return content if is_whole else None
