"""Finds the type of a file descriptor from the kernel's facts of its file."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from falcohost_syscall.processes.open_files import NOT_TOLD, anonymous_type
from falcohost_syscall.records.record import FdInfo

if TYPE_CHECKING:
    from falcohost_syscall.drivers.modern_ebpf.decoding.event import RecordEvent

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
    if row.opens and not stat.S_ISDIR(info.mode):
        return "file"  # as Falco calls whatever is opened by a path
    return type_of_file(info, event.fdpath or "")


def type_of_file(info: FdInfo, path: str) -> str:
    """Return the type of a descriptor with this file, which is no socket."""
    mode = info.mode
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISFIFO(mode):
        return "pipe"
    if stat.S_IFMT(mode) in (0, stat.S_IFREG):
        return _regular(path, info.magic, stat.S_IFMT(mode) == 0)
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
        return anonymous_type(path)
    return "file"
