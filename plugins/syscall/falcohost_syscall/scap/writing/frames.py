"""Writes blocks of captures: the begin of a file, and events."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct, pack
from typing import Final

_EVENT: Final = 0x216
_FLAGGED: Final = 0x217
_BEGIN: Final = 0x0A0D0D0A
#: Flag of an event that only serves the reader's tables.
_STATE_ONLY: Final = 1
_HEAD: Final = Struct("<II")
_SIZE: Final = Struct("<I")
#: Type, size, and size again.
_FRAME: Final = 12
_MAGIC, _MAJOR, _MINOR = 0x1A2B3C4D, 1, 2
_SECTION: Final = Struct("<IHHq")
#: Length of a section that is not known.
_UNKNOWN: Final = -1
_PLAIN: Final = Struct("<IIHQqIHI")
_WITH_FLAGS: Final = Struct("<IIHIQqIHI")
#: Bytes of an event's header; the most that an event may have with its header.
_HEADER: Final = 26
MOST: Final = 65535
#: No thread.
NOBODY: Final = -1


def _padding(size: int) -> int:
    return -size % 4


def block(kind: int, body: bytes) -> bytes:
    """Return a block of a type."""
    body += bytes(_padding(len(body)))
    total = _FRAME + len(body)
    return _HEAD.pack(kind, total) + body + _SIZE.pack(total)


def section() -> bytes:
    """Return the block with which a capture begins."""
    return block(_BEGIN, _SECTION.pack(_MAGIC, _MAJOR, _MINOR, _UNKNOWN))


def event(code: int, ts: int, tid: int, cpu: int, values: Sequence[bytes], *, state_only: bool = False) -> bytes:
    """Return the block of an event: its type, time, thread, processor and the bytes of its parameters.

    Beyond what one event may hold, the longest parameters are cut.
    """
    count = len(values)
    data = b"".join(values)
    size = _HEADER + 2 * count + len(data)
    if size > MOST:
        values = _cut(values, size - MOST)
        data = b"".join(values)
        size = _HEADER + 2 * count + len(data)
    lengths = pack(f"<{count}H", *map(len, values))
    head, kind = (_WITH_FLAGS, _FLAGGED) if state_only else (_PLAIN, _EVENT)
    pad = _padding(head.size + len(lengths) + len(data))
    total = head.size + len(lengths) + len(data) + pad + _SIZE.size
    flags = (_STATE_ONLY,) if state_only else ()
    begin = head.pack(kind, total, cpu & 0xFFFF, *flags, ts, tid, size, code, count)
    return begin + lengths + data + bytes(pad) + _SIZE.pack(total)


def _cut(values: Sequence[bytes], surplus: int) -> list[bytes]:
    """Return *values* with *surplus* bytes less, taken from the longest ones; a text keeps its end."""
    found = list(values)
    while surplus > 0:
        place = max(range(len(found)), key=lambda index: len(found[index]))
        longest = found[place]
        kept = max(len(longest) - surplus, len(longest) // 2)
        surplus -= len(longest) - kept
        found[place] = longest[: kept - 1] + longest[-1:]
    return found
