"""Tells the types of a process's descriptors from the targets of the links in ``/proc/PID/fd``."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

#: The type of a descriptor that is not known.
NOT_TOLD: Final = "<NA>"

_ANONYMOUS: Final = {
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
_NAME: Final = re.compile(r"^(?:anon_inode:)?\[?([a-z_-]+)\]?")

# /proc/PID/net: the file, the type of its sockets, the column of the inode.
_SOCKET_TABLES: Final = (
    ("unix", "unix", 6),
    ("tcp", "ipv4", 9),
    ("udp", "ipv4", 9),
    ("tcp6", "ipv6", 9),
    ("udp6", "ipv6", 9),
    ("netlink", "netlink", 9),
)


def anonymous_type(name: str) -> str:
    """Return the type of the file with an anonymous inode that the kernel calls *name*."""
    match = _NAME.match(name)
    return _ANONYMOUS.get(match[1], NOT_TOLD) if match else NOT_TOLD


def link_type(pid: int, number: int, target: str) -> str:
    """Return the type of descriptor *number*, given *target*, the target of the link ``/proc/PID/fd/N``."""
    if target.startswith("pipe:"):
        return "pipe"
    if target.startswith("/memfd:"):
        return "memfd"
    if target.startswith("anon_inode:"):
        return anonymous_type(target)
    if target.startswith("socket:["):
        return _socket_type(pid, target[8:-1])
    if target.startswith("/"):
        return "directory" if _is_directory(f"/proc/{pid}/fd/{number}") else "file"
    return NOT_TOLD


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 (a Path costs more than the call)
    except OSError:
        return False


def _socket_type(pid: int, inode: str) -> str:
    for name, kind, column in _SOCKET_TABLES:
        try:
            with Path(f"/proc/{pid}/net/{name}").open(errors="replace") as table:
                if any(len(words := line.split()) > column and words[column] == inode for line in table):
                    return kind
        except OSError:
            continue
    return NOT_TOLD
