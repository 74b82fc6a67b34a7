"""The parts of a record, all of them; what is on the way of every event takes only what it needs."""

from __future__ import annotations

from falcohost_syscall.records.record import HEADER, SECTION, Header


def header(record: bytes) -> Header:
    """Return the header of *record*."""
    return Header._make(HEADER.unpack_from(record))


def sections(record: bytes) -> list[tuple[int, bytes]]:
    """Return the sections of *record* as (tag, data), in their order."""
    found = []
    position, end = HEADER.size, len(record)
    while position + 4 <= end:
        tag, size = SECTION.unpack_from(record, position)
        position += 4
        found.append((tag, record[position : position + size]))
        position += size
    return found
