"""Finds the type of a file descriptor from the kernel's facts of its file, or from ``/proc/PID/fd``."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from falcohost_syscall.events.descriptors import NOT_TOLD
from falcohost_syscall.processes import procfs

if TYPE_CHECKING:
    from falcohost_syscall.drivers.modern_ebpf.decoding.event import RecordEvent

_ANONYMOUS = {
    "eventfd": "event",
    "signalfd": "signalfd",
    "eventpoll": "eventpoll",
    "inotify": "inotify",
    "timerfd": "timerfd",
    "bpf-map": "bpf",
    "bpf-prog": "bpf",
    "bpf-link": "bpf",
    "bpf_link": "bpf",
    "bpf_iter": "bpf",
    "bpf-map-iter": "bpf",
    "btf": "bpf",
    "userfaultfd": "userfaultfd",
    "io_uring": "io_uring",
    "pidfd": "pidfd",
}
_NAME = re.compile(r"^(?:anon_inode:)?\[?([a-z_-]+)\]?")
_PIDFS_MAGIC = 0x50494446

_PAIRS = {"socketpair": "unix", "pipe": "pipe", "pipe2": "pipe"}


def fd_type(event: RecordEvent) -> str | None:
    """Return the type of the event's descriptor; None if there is none, or the call failed to create one."""
    row = event.row
    if not row.has_fd:
        return None
    socket = event.socket
    if socket is not None:
        return socket.kind
    info = event.fdinfo
    if info is None:
        return _type_without_file(event)
    mode = info.mode
    if stat.S_ISDIR(mode):
        return "directory"
    if row.opens:
        return "file"  # as Falco calls whatever is opened by a path
    if stat.S_ISFIFO(mode):
        return "pipe"
    if stat.S_IFMT(mode) in (0, stat.S_IFREG):
        return _regular(event.fdpath or "", info.magic, stat.S_IFMT(mode) == 0)
    return "file" if not stat.S_ISSOCK(mode) else NOT_TOLD


def _type_without_file(event: RecordEvent) -> str | None:
    row = event.row
    if row.dir_fd is not None:
        return None if event.dirfd_path is None else "directory"
    return _PAIRS.get(row.name) if event.ret >= 0 else None


def _regular(path: str, magic: int, anonymous: bool) -> str:
    if magic == _PIDFS_MAGIC:
        return "pidfd"
    if path.startswith("memfd:"):
        return "memfd"
    if anonymous or path.startswith(("[", "anon_inode:")):
        match = _NAME.match(path)
        return _ANONYMOUS.get(match[1], NOT_TOLD) if match else NOT_TOLD
    return "file"


def link_type(pid: int, number: int, target: str) -> str:
    """Return the type of descriptor *number*, given *target*, the target of the link ``/proc/PID/fd/N``."""
    if target.startswith("pipe:"):
        return "pipe"
    if target.startswith("/memfd:"):
        return "memfd"
    if target.startswith("anon_inode:"):
        match = _NAME.match(target)
        return _ANONYMOUS.get(match[1], NOT_TOLD) if match else NOT_TOLD
    if target.startswith("socket:["):
        return _socket_type(pid, target[8:-1])
    if target.startswith("/"):
        return "directory" if procfs.is_directory(Path(f"/proc/{pid}/fd/{number}")) else "file"
    return NOT_TOLD


# /proc/PID/net: the file, the type of its sockets, the column of the inode.
_SOCKET_TABLES = (
    ("unix", "unix", 6),
    ("tcp", "ipv4", 9),
    ("udp", "ipv4", 9),
    ("tcp6", "ipv6", 9),
    ("udp6", "ipv6", 9),
    ("netlink", "netlink", 9),
)


def _socket_type(pid: int, inode: str) -> str:
    for name, kind, column in _SOCKET_TABLES:
        try:
            with Path(f"/proc/{pid}/net/{name}").open(errors="replace") as table:
                if any(len(words := line.split()) > column and words[column] == inode for line in table):
                    return kind
        except OSError:
            continue
    return NOT_TOLD


def open_fd(pid: int, number: int) -> str | None:
    """Return the target of a running process's descriptor, or None."""
    return procfs.link(pid, f"fd/{number}")


def open_types(pid: int) -> tuple[str, ...]:
    """Return the types of a running process's descriptors, each once."""
    try:
        numbers = [int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return ()
    targets = {target: number for number in numbers if (target := open_fd(pid, number)) is not None}
    return tuple(sorted({link_type(pid, number, target) for target, number in targets.items()}))
