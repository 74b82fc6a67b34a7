"""Writes the lists with which a capture begins: interfaces, users, processes and their descriptors.

It is the counterpart of :mod:`falcohost_syscall.scap.lists`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

from falcohost_syscall.events.sockets import LISTENING, SERVER
from falcohost_syscall.records.record import EXE_FROM_MEMFD, EXE_LOWER_LAYER, EXE_UPPER_LAYER, EXE_WRITABLE
from falcohost_syscall.scap.descriptors import Descriptor
from falcohost_syscall.scap.lists import FILE_WITH_FLAGS, UNIX, UNSET, ListedInterface, ListedUser
from falcohost_syscall.scap.tables import Tables, Thread
from falcohost_syscall.scap.writing.frames import block

_PROCESSES, _DESCRIPTORS, _INTERFACES, _USERS = 0x215, 0x218, 0x219, 0x220
_U8, _U16, _U32, _I64 = Struct("<B"), Struct("<H"), Struct("<I"), Struct("<q")
_IDS: Final = Struct("<5q")
_LIMITS: Final = Struct("<Q3I")
_MEMORY: Final = Struct("<3I2Q")
_VIRTUAL: Final = Struct("<2q")
_TRAILER: Final = Struct("<QIIBQQQBQQQBBq")
_DESCRIPTOR: Final = Struct("<qQB")
_OBJECTS: Final = Struct("<2Q")
_USER: Final = Struct("<BII")
_GROUP: Final = Struct("<BI")
_INTERFACE: Final = Struct("<HH")
#: Speed of a link that is not known.
_NO_SPEED: Final = bytes(8)
_LONGEST: Final = 0xFFFF
_MOST_64: Final = (1 << 64) - 1
#: Falco's flags of a thread that is not the main one: it shares files, memory and more.
THREAD: Final = 0x2001
#: Types of listed descriptors by Falco's ``fd.type``; sockets have others when they listen.
_TYPES: Final = {
    "directory": 2,
    "ipv4": 3,
    "ipv6": 4,
    "pipe": 7,
    "unix": UNIX,
    "event": 9,
    "signalfd": 11,
    "eventpoll": 12,
    "inotify": 13,
    "timerfd": 14,
    "netlink": 15,
    "file": FILE_WITH_FLAGS,
    "bpf": 17,
    "userfaultfd": 18,
    "io_uring": 19,
    "memfd": 20,
    "pidfd": 21,
}
_LISTENING: Final = {"ipv4": 5, "ipv6": 6}
_UNSUPPORTED: Final = 10
_PROTOCOLS: Final = {"tcp": 2, "udp": 3, "icmp": 4, "raw": 5}
_SIZES: Final = {"ipv4": 4, "ipv6": 16}


def _text(data: bytes) -> bytes:
    data = data[:_LONGEST]
    return _U16.pack(len(data)) + data


def _encoded(text: str | None) -> bytes:
    return _text((text or "").encode(errors="replace"))


def _sized(entry: bytes) -> bytes:
    return _U32.pack(len(entry) + _U32.size) + entry


def interfaces(found: Iterable[ListedInterface]) -> bytes:
    """Return the list of the machine's addresses."""
    return block(_INTERFACES, b"".join(map(_interface, found)))


def _interface(found: ListedInterface) -> bytes:
    size = len(found.address)
    kind = 1 if size == 4 else 2
    addresses = found.address + found.mask.ljust(size, b"\0") + bytes(size)
    entry = _INTERFACE.pack(kind, len(found.name)) + addresses + _NO_SPEED + found.name
    return _U32.pack(len(entry)) + entry


def users(found: Iterable[ListedUser]) -> bytes:
    """Return the list of users and groups."""
    return block(_USERS, b"".join(_sized(_user(one)) for one in found))


def _user(one: ListedUser) -> bytes:
    if one.is_group:
        return _GROUP.pack(1, one.number) + _text(one.name)
    return _USER.pack(0, one.number, one.group) + _text(one.name) + _text(one.home) + _text(one.shell)


def processes(tables: Tables) -> bytes:
    """Return the list of threads."""
    known = [thread for thread in tables.threads.values() if not thread.is_unknown]
    return block(_PROCESSES, b"".join(_sized(_thread(thread, tables)) for thread in known))


def _thread(thread: Thread, tables: Tables) -> bytes:
    process, image = thread.process, thread.process.image
    sid, pgid, _, vpgid, tty = process.session
    exe, _, args = image.args_raw.partition(b"\0")
    cwd = (thread.leader.cwd or "").rstrip("/") + "/"
    permitted, inheritable = image.caps or (0, 0)
    bits = image.exe_flags
    cgroups = "".join(f"{line}\0" for line in tables.context.containers.cgroups(thread.cgroup))
    parts = (
        _IDS.pack(thread.tid, process.pid, process.ppid, sid, vpgid),
        _encoded(process.comm),
        _text(exe),
        _text(image.exepath_raw),
        _text(args),
        _encoded(cwd),
        _LIMITS.pack(thread.fd_limit & _MOST_64, 0 if thread.is_main else THREAD, thread.uid, thread.gid),
        _MEMORY.pack(*thread.memory),
        _text((image.env_raw or b"") if thread.is_main else b""),
        _VIRTUAL.pack(thread.vtid, thread.vpid),
        _encoded(cgroups),
        _text(b"/"),
        _TRAILER.pack(
            image.pidns_start,
            tty & UNSET,
            thread.loginuid,
            bool(bits & EXE_WRITABLE),
            inheritable,
            permitted,
            thread.caps,
            bool(bits & EXE_UPPER_LAYER),
            image.ino,
            image.ctime,
            image.mtime,
            bool(bits & EXE_FROM_MEMFD),
            bool(bits & EXE_LOWER_LAYER),
            pgid,
        ),
    )
    return b"".join(parts)


def descriptors(tables: Tables) -> Iterator[bytes]:
    """Yield the lists of descriptors, one for each process."""
    for thread in tables.threads.values():
        if thread.is_main and thread.descriptors:
            entries = (_sized(_descriptor(number, one)) for number, one in thread.descriptors.items())
            yield block(_DESCRIPTORS, _I64.pack(thread.tid) + b"".join(entries))


def _descriptor(number: int, one: Descriptor) -> bytes:
    if one.ends is not None and one.kind in _SIZES:
        return _socket(number, one)
    kind = _TYPES.get(one.kind, _UNSUPPORTED)
    head = _DESCRIPTOR.pack(number, one.ino & _MOST_64, kind)
    name = _encoded(one.name)
    if kind == UNIX:
        return head + _OBJECTS.pack(0, 0) + _encoded(one.name.rpartition(" ")[2])
    if kind == FILE_WITH_FLAGS:
        return head + _U32.pack(one.flags & UNSET) + name + _U32.pack(one.dev & UNSET)
    return head + name


def _socket(number: int, one: Descriptor) -> bytes:
    ends = one.ends
    assert ends is not None
    size = _SIZES[one.kind]
    own, other = (ends.destination, ends.source) if ends.role == SERVER else (ends.source, ends.destination)
    protocol = _U8.pack(_PROTOCOLS.get(ends.protocol, 0))
    local = own.ip.ljust(size, b"\0")[:size]
    if ends.role == LISTENING:
        head = _DESCRIPTOR.pack(number, one.ino & _MOST_64, _LISTENING[one.kind])
        return head + local + _U16.pack(own.port) + protocol
    head = _DESCRIPTOR.pack(number, one.ino & _MOST_64, _TYPES[one.kind])
    ports = _U16.pack(own.port) + _U16.pack(other.port)
    return head + local + other.ip.ljust(size, b"\0")[:size] + ports + protocol
