"""Splits a record: indexes of the unpacked header, and the sections that follow it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from falcohost_syscall.records.record import (
    HEADER,
    OF_FD,
    SEC_CGROUP,
    SEC_OF_FD,
    SEC_OF_FD_PATH,
    SEC_OF_FD_UNIXPEER,
    SECTION,
)
from falcohost_syscall.records.text import text

#: An unpacked header; the indexes of its members are below.
Header: TypeAlias = tuple[Any, ...]
TS, START, CGROUP, CAPS, RET, ARG0 = range(6)
PID, TID, PPID, VPID, VTID, UID, GID, LOGINUID, KIND, CALL, CPU, FLAGS, COMM = range(11, 24)

_FIRST_SECTION = HEADER.size


def sections(data: bytes) -> dict[int, bytes]:
    """Return the sections of a record by tag; the last one if several have the same tag."""
    found: dict[int, bytes] = {}
    position, end = _FIRST_SECTION, len(data)
    unpack = SECTION.unpack_from
    while position + 4 <= end:
        tag, size = unpack(data, position)
        position += 4
        found[tag] = data[position : position + size]
        position += size
    return found


def cgroup_sections(data: bytes) -> list[str]:
    """Return the cgroups in a record, as ``subsystem=path``."""
    return [text(line) for line in sections_of(data, SEC_CGROUP)]


def sections_of(data: bytes, wanted: int) -> Iterator[bytes]:
    """Yield all sections of a record that have one tag."""
    position, end = _FIRST_SECTION, len(data)
    while position + 4 <= end:
        tag, size = SECTION.unpack_from(data, position)
        position += 4
        if tag == wanted:
            yield data[position : position + size]
        position += size


def descriptors(data: bytes) -> dict[int, dict[int, bytes]]:
    """Return the sections of each descriptor that a record tells of (``SEC_OF_FD…``), by its number."""
    found: dict[int, dict[int, bytes]] = {}
    of: dict[int, bytes] = {}
    position, end = _FIRST_SECTION, len(data)
    while position + 4 <= end:
        tag, size = SECTION.unpack_from(data, position)
        position += 4
        if tag == SEC_OF_FD:
            of = found[OF_FD.unpack_from(data, position)[0]] = {tag: data[position : position + size]}
        elif SEC_OF_FD_PATH <= tag <= SEC_OF_FD_UNIXPEER:
            of[tag] = data[position : position + size]
        position += size
    return found


def command(comm: bytes) -> str:
    """Return a header's ``comm`` as text."""
    return text(comm.split(b"\0", 1)[0])
