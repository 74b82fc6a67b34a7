"""Shows the type of a file descriptor as Falco's ``fd.typechar``."""

from __future__ import annotations

from falcohost_syscall.calls.rows import Call
from falcohost_syscall.events.event import SyscallEvent

CHARS = {
    "file": "f",
    "ipv4": "4",
    "ipv6": "6",
    "directory": "d",
    "pipe": "p",
    "unix": "u",
    "event": "e",
    "signalfd": "s",
    "eventpoll": "l",
    "inotify": "i",
    "timerfd": "t",
    "netlink": "n",
    "bpf": "b",
    "userfaultfd": "u",
    "io_uring": "r",
    "memfd": "m",
    "pidfd": "P",
}

#: Falco's ``fd.typechar`` of calls that returned no descriptor; ``o`` for all others, ``4`` for sockets of any family.
_CHARS_WITHOUT_FILE = {
    **dict.fromkeys(("open", "openat", "openat2", "creat"), "f"),
    **dict.fromkeys(("socket", "accept", "accept4"), "4"),
    **dict.fromkeys(("pipe", "pipe2"), "p"),
    **dict.fromkeys(("eventfd", "eventfd2"), "e"),
    **dict.fromkeys(("signalfd", "signalfd4"), "s"),
    **dict.fromkeys(("inotify_init", "inotify_init1"), "i"),
    "timerfd_create": "t",
}


def char_without_file(row: Call) -> str:
    """Return the character of an event of *row* whose ``fd_type`` is None."""
    return _CHARS_WITHOUT_FILE.get(row.name, "o")


def type_char(event: SyscallEvent) -> str:
    """Return the character for the type of the event's descriptor; ``o`` if the type is not known."""
    kind = event.fd_type
    return char_without_file(event.row) if kind is None else CHARS.get(kind, "o")
