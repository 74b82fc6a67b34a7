"""Reads what a record tells of the process at the time of the event: its resources and descriptors."""

from __future__ import annotations

import resource
from sys import byteorder
from typing import TYPE_CHECKING, Final

from falcohost_syscall.drivers.modern_ebpf.decoding.fd_types import type_of_file
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import descriptors
from falcohost_syscall.drivers.modern_ebpf.decoding.socket_records import socket_of
from falcohost_syscall.events.event import OpenDescriptor, Resources
from falcohost_syscall.processes.open_files import NOT_TOLD
from falcohost_syscall.records import record
from falcohost_syscall.records.text import text

if TYPE_CHECKING:
    from falcohost_syscall.drivers.modern_ebpf.decoding.record_facts import RecordFacts

_KIB: Final = resource.getpagesize() // 1024
#: Falco's names of types, in the order of ``enum fd_type``.
_TYPES: Final = {
    record.TYPE_OTHER: NOT_TOLD,
    record.TYPE_FILE: "file",
    record.TYPE_DIRECTORY: "directory",
    record.TYPE_PIPE: "pipe",
    record.TYPE_IPV4: "ipv4",
    record.TYPE_IPV6: "ipv6",
    record.TYPE_UNIX: "unix",
    record.TYPE_NETLINK: "netlink",
    record.TYPE_EVENT: "event",
    record.TYPE_SIGNALFD: "signalfd",
    record.TYPE_EVENTPOLL: "eventpoll",
    record.TYPE_INOTIFY: "inotify",
    record.TYPE_TIMERFD: "timerfd",
    record.TYPE_BPF: "bpf",
    record.TYPE_USERFAULTFD: "userfaultfd",
    record.TYPE_IO_URING: "io_uring",
    record.TYPE_MEMFD: "memfd",
    record.TYPE_PIDFD: "pidfd",
}


def resources(event: RecordFacts) -> Resources | None:
    """Return the resources of the event's process, or None."""
    data = event.section(record.SEC_RESOURCES)
    if data is None:
        return None
    size, resident, swapped, major, minor, limit, fds, threads = record.RESOURCES.unpack(data)
    return Resources(size * _KIB, resident * _KIB, swapped * _KIB, major, minor, limit, fds, threads)


def fd_types(event: RecordFacts) -> tuple[str, ...] | None:
    """Return the types of all descriptors of the event's process, each once; None: not known."""
    data = event.section(record.SEC_FD_TYPES)
    if data is None:
        return None
    bits = int.from_bytes(data, byteorder)
    return tuple(sorted(name for number, name in _TYPES.items() if bits >> number & 1))


def open_descriptors(event: RecordFacts) -> dict[int, OpenDescriptor]:
    """Return the descriptors that the record tells of, by number."""
    if record.SEC_OF_FD not in event.sections:
        return {}
    return {number: _of(event, found) for number, found in descriptors(event.data).items()}


def _of(event: RecordFacts, found: dict[int, bytes]) -> OpenDescriptor:
    if (data := found.get(record.SEC_OF_FD_SOCK)) is not None:
        socket = socket_of(data, found.get(record.SEC_OF_FD_UNIX), found.get(record.SEC_OF_FD_UNIXPEER))
        socket.settle(event.ctx.sockets.role(socket.ino))
        return OpenDescriptor(socket.kind, socket.name, socket)
    info = record.FdInfo._make(record.FDINFO.unpack(record.OF_FD.unpack(found[record.SEC_OF_FD])[1]))
    path = text(found.get(record.SEC_OF_FD_PATH, b""))
    kind = type_of_file(info, path)
    return OpenDescriptor(kind, path or (f"pipe:[{info.ino}]" if kind == "pipe" else ""), None)
