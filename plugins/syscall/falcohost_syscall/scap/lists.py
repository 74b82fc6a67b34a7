"""Reads the lists at the start of a capture: users, interfaces, and processes with their descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, NamedTuple

from falcohost_syscall.scap.reader import Reader

#: Types of blocks with lists of processes, and the version of their entries.
PROCESSES: Final = {
    0x202: 1,
    0x8000ABCD: 1,
    0x207: 2,
    0x8013ABCD: 2,
    0x209: 3,
    0x8014ABCD: 3,
    **{0x210 + number: 4 + number for number in range(6)},
}
DESCRIPTORS: Final = {0x203: 1, 0x8001ABCD: 1, 0x218: 2}
USERS: Final = {0x206: 1, 0x8012ABCD: 1, 0x220: 2}
INTERFACES: Final = {0x205: 1, 0x8011ABCD: 1, 0x219: 2}
#: Types of the block that describes the machine, and what of it is in front of its name.
MACHINE: Final = (0x201, 0x8002ABCD)
_BEFORE_NAME, _NAME = 20, 128

_I64, _U64, _U32, _U8 = Struct("<q"), Struct("<Q"), Struct("<I"), Struct("<B")
_IDS: Final = Struct("<3q")
_LIMITS: Final = Struct("<q3I")
_MEMORY: Final = Struct("<3I2Q")
_VIRTUAL: Final = Struct("<2q")
_DESCRIPTOR: Final = Struct("<qQB")
#: A shorter entry holds at most one text, or padding.
_SHORTEST: Final = 4
#: What follows the root directory: start of the pid namespace, terminal, login, executable.
_TRAILER: Final = (_U64, _U32, _U32, _U8, _U64, _U64, _U64, _U8, _U64, _U64, _U64, _U8, _U8, _I64)
#: Older captures lack the first two members; then the rest has at most this many bytes.
_OLD_TRAILER: Final = 29
UNSET: Final = 0xFFFFFFFF
_DEFAULTS: Final = (0, 0, UNSET, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1)


@dataclass(slots=True)
class ListedThread:
    """A thread in a list; texts are as in the file."""

    tid: int
    pid: int
    ppid: int
    sid: int = -1
    vpgid: int = -1
    comm: bytes = b""
    exe: bytes = b""
    exepath: bytes = b""
    args: bytes = b""
    cwd: bytes = b""
    flags: int = 0
    uid: int = 0
    gid: int = 0
    fd_limit: int = -1
    memory: tuple[int, ...] = (0, 0, 0, 0, 0)
    env: bytes = b""
    vtid: int = -1
    vpid: int = -1
    cgroups: bytes = b""
    more: tuple[int, ...] = field(default=_DEFAULTS)


@dataclass(slots=True)
class ListedDescriptor:
    """A descriptor: number, inode, type, and what its type has: ends and protocol, or flags, name and device."""

    number: int
    ino: int
    type: int
    name: bytes = b""
    ends: tuple[bytes, int, bytes, int] | None = None
    l4proto: int = 0
    flags: int = 0
    dev: int = 0
    addresses: tuple[int, int] = (0, 0)


class ListedInterface(NamedTuple):
    """An address of a network interface, its netmask, and the name of the interface."""

    address: bytes
    mask: bytes
    name: bytes = b""


@dataclass(slots=True)
class ListedUser:
    """A user, with the number of its *group*, or, with *is_group*, a group."""

    number: int
    name: bytes
    home: bytes = b""
    shell: bytes = b""
    is_group: bool = False
    group: int = 0


def threads(body: bytes, version: int) -> Iterator[ListedThread]:
    """Yield the threads of a list."""
    reader = Reader(body)
    while reader.left >= _SHORTEST:
        begin = reader.place
        end = begin + reader.numbers(_U32)[0] if version >= 9 else len(body)
        thread = _thread(reader, version)
        if version >= 9:
            _read_trailer(thread, reader, end)
            reader.skip_to(end)
        yield thread


def _thread(reader: Reader, version: int) -> ListedThread:
    thread = ListedThread(*reader.numbers(_IDS))
    if version >= 6:
        (thread.sid,) = reader.numbers(_I64)
    if version >= 8:
        (thread.vpgid,) = reader.numbers(_I64)
    thread.comm, thread.exe = reader.string(), reader.string()
    if version >= 7:
        thread.exepath = reader.string()
    thread.args, thread.cwd = reader.string(), reader.string()
    thread.fd_limit, thread.flags, thread.uid, thread.gid = reader.numbers(_LIMITS)
    if version >= 2:
        thread.memory = reader.numbers(_MEMORY)
    if version >= 3:
        thread.env = reader.string()
    if version >= 4:
        thread.vtid, thread.vpid = reader.numbers(_VIRTUAL)
        thread.cgroups = reader.string()
    if version >= 5:
        reader.string()  # the root directory
    return thread


def _read_trailer(thread: ListedThread, reader: Reader, end: int) -> None:
    first = 2 if end - reader.place <= _OLD_TRAILER else 0
    found = list(_DEFAULTS)
    for place, layout in enumerate(_TRAILER[first:], first):
        if reader.place + layout.size > end:
            break
        (found[place],) = reader.numbers(layout)
    thread.more = tuple(found)


#: Types of descriptors, and the sizes of what follows.
_ENDS: Final = {3: (4, 2), 5: (4, 1), 4: (16, 2), 6: (16, 1)}
UNIX, FILE_WITH_FLAGS = 8, 16
_PORT: Final = Struct("<H")


def descriptors(body: bytes, version: int) -> tuple[int, list[ListedDescriptor]]:
    """Return the id of the thread of a list of descriptors, and the descriptors."""
    reader = Reader(body)
    (tid,) = reader.numbers(_I64)
    found = []
    while reader.left >= _SHORTEST:
        begin = reader.place
        end = begin + reader.numbers(_U32)[0] if version >= 2 else None
        descriptor = _descriptor(reader)
        if end is not None:
            if descriptor.type == FILE_WITH_FLAGS and end - reader.place >= _U32.size:
                (descriptor.dev,) = reader.numbers(_U32)
            reader.skip_to(end)
        found.append(descriptor)
    return tid, found


def _descriptor(reader: Reader) -> ListedDescriptor:
    descriptor = ListedDescriptor(*reader.numbers(_DESCRIPTOR))
    if descriptor.type in _ENDS:
        descriptor.ends = _ends(reader, *_ENDS[descriptor.type])
        (descriptor.l4proto,) = reader.numbers(_U8)
        return descriptor
    if descriptor.type == UNIX:
        descriptor.addresses = (reader.numbers(_U64)[0], reader.numbers(_U64)[0])
    if descriptor.type == FILE_WITH_FLAGS:
        (descriptor.flags,) = reader.numbers(_U32)
    descriptor.name = reader.string()
    return descriptor


def _ends(reader: Reader, size: int, count: int) -> tuple[bytes, int, bytes, int]:
    addresses = [reader.take(size) for _ in range(count)]
    ports = [reader.numbers(_PORT)[0] for _ in range(count)]
    if count == 1:
        return addresses[0], ports[0], bytes(size), 0
    return addresses[0], ports[0], addresses[1], ports[1]


def users(body: bytes, version: int) -> Iterator[ListedUser]:
    """Yield the users and groups of a list."""
    reader = Reader(body)
    while reader.left > _SHORTEST:
        begin = reader.place
        end = begin + reader.numbers(_U32)[0] if version >= 2 else None
        (is_group,) = reader.numbers(_U8)
        (number,) = reader.numbers(_U32)
        if is_group:
            yield ListedUser(number, reader.string(), is_group=True)
        else:
            (group,) = reader.numbers(_U32)
            yield ListedUser(number, reader.string(), reader.string(), reader.string(), group=group)
        if end is not None:
            reader.skip_to(end)


#: Types of interfaces: size of an address, and whether the speed of the link follows.
_INTERFACES: Final = {1: (4, True), 2: (16, True), 3: (4, False), 4: (16, False)}
_INTERFACE: Final = Struct("<2H")


def interfaces(body: bytes, version: int) -> Iterator[ListedInterface]:
    """Yield the addresses of a list of network interfaces; it ends with one of an unknown type."""
    reader = Reader(body)
    while reader.left > _SHORTEST:
        end = reader.numbers(_U32)[0] + reader.place if version >= 2 else None
        kind, length = reader.numbers(_INTERFACE)
        if kind not in _INTERFACES:
            return
        size, has_speed = _INTERFACES[kind]
        address, mask, _ = (reader.take(size) for _ in range(3))
        if has_speed:
            reader.numbers(_U64)
        yield ListedInterface(address, mask, reader.take(length))
        if end is not None:
            reader.skip_to(end)


def hostname(body: bytes) -> bytes:
    """Return the name of the machine that a block describes.

    :raises TooShortError: the block ends before it.
    """
    reader = Reader(body)
    reader.take(_BEFORE_NAME)
    return reader.take(_NAME).split(b"\0", 1)[0]
