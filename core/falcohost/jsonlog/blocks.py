"""Reads a file in blocks, and decompresses it if its first two bytes say that it is gzip (RFC 1952).

Of a capture of Falco or sysdig, what plugins have read is the content of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from falcohost.jsonlog.captured import SECTION, first_plugin, records
from falcohost.jsonlog.inflate import DAMAGED, decompressor
from falcohost.jsonlog.inputs import MIB
from falcohost.jsonlog.refusals import BAD_GZIP, GZIP_BOMB, Refused

#: Returns at most this many bytes; empty at the end.
Read: TypeAlias = Callable[[int], bytes]

#: Small enough that a block and its decoded records stay in the processor's cache.
BLOCK = 384 << 10

#: The first bytes of a gzip file.
MAGIC = b"\x1f\x8b"

#: Logs compress to a tenth or a fiftieth; large data with a higher ratio than this is not a log but a gzip bomb.
_RATIO = 400
_UNSUSPICIOUS = 64 * MIB


def is_packed(head: bytes) -> bool:
    """Return whether a file that begins with these four bytes has other content than its bytes."""
    return head[: len(MAGIC)] == MAGIC or head == SECTION


def read_blocks(read: Read) -> Iterator[bytes]:
    """Yield the content, at most :data:`BLOCK` bytes at a time, except for records of captures.

    :raises Refused: the gzip data or the capture are damaged or truncated, or a bomb. The good part has been yielded by
        then.
    """
    found = filter(None, _plain_blocks(read))
    first = next(found, b"")
    if first.startswith(SECTION):
        yield from records(chain((first,), found))
    elif first:
        yield first
        yield from found


def is_capture(path: str) -> bool:
    """Return whether the content of a file begins as a capture does."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            return next(_plain_blocks(lambda size: file.read(size) or b""), b"").startswith(SECTION)
    except (OSError, Refused):
        return False


def plugin_in(path: str) -> int | None:
    """Return the number of the plugin whose event is the first one in a capture; None: it is not of a plugin."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            return first_plugin(_plain_blocks(lambda size: file.read(size) or b""))
    except (OSError, Refused):
        return None  # whoever reads it tells why it cannot be read


def _plain_blocks(read: Read) -> Iterator[bytes]:
    first = read(BLOCK)
    if first[:2] == MAGIC:
        yield from _unpacked(first, read)
        return
    while first:
        yield first
        first = read(BLOCK)


def _unpacked(packed: bytes, read: Read) -> Iterator[bytes]:
    gzip = decompressor()
    taken, made = len(packed), 0
    while packed:
        try:
            block = gzip.decompress(packed, BLOCK)
        except DAMAGED:
            raise Refused(BAD_GZIP) from None
        made += len(block)
        if made > _UNSUSPICIOUS and made > _RATIO * (taken - len(gzip.unconsumed_tail)):
            raise Refused(GZIP_BOMB)
        yield block
        packed = gzip.unconsumed_tail
        if gzip.eof:
            # Another member may follow, and zeros for padding.
            packed = gzip.unused_data.lstrip(b"\0")
        if not packed:
            packed = read(BLOCK)
            taken += len(packed)
            packed = packed.lstrip(b"\0") if gzip.eof else packed
        if packed and gzip.eof:
            gzip = decompressor()
    if not gzip.eof:
        raise Refused(BAD_GZIP)
