"""Splits a record into all its parts, for tests and tools; the decoder reads only the parts that it needs."""

from __future__ import annotations

from falcohost_syscall.records.record import HEADER, SECTION, Header


def header(record: bytes) -> Header:
    """Return the header of *record*."""
    return Header._make(HEADER.unpack_from(record))


def sections(record: bytes) -> list[tuple[int, bytes]]:
    """Return the sections of *record* as pairs (tag, data), in order."""
    found = []
    position, end = HEADER.size, len(record)
    while position + 4 <= end:
        tag, size = SECTION.unpack_from(record, position)
        position += 4
        found.append((tag, record[position : position + size]))
        position += size
    return found
