"""The keys of an event in JSON: which fact of :mod:`falcohost_syscall.events.event` each is, and what it is by default.

Writing and reading go by these rows, so that a fact cannot be written and not be read. A key that is left out has its
default, so that people can write an event in a line.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from falcohost_syscall.events.event import UNSET


class Fact(NamedTuple):
    """A fact: its *key* in JSON, the attribute of the event, and what it is if the key is not there."""

    key: str
    name: str
    default: Any = None


#: Of the event and its thread. Ids without a value are those of the process.
EVENT: Final = (
    Fact("ret", "ret", 0),
    Fact("pid", "pid"),
    Fact("tid", "tid"),
    Fact("vpid", "vpid"),
    Fact("vtid", "vtid"),
    Fact("uid", "uid", 0),
    Fact("gid", "gid", 0),
    Fact("loginuid", "loginuid", UNSET),
    Fact("caps", "caps", 0),
    Fact("cpu", "cpu", 0),
    Fact("by_uring", "by_uring", False),
    Fact("is_cut", "is_cut", False),
    Fact("is_rewritten", "is_rewritten", False),
    Fact("is_uncompared", "is_uncompared", False),
    Fact("cgroups", "cgroups", ()),
    Fact("cwd", "cwd"),
)

#: Of its descriptor, below ``fd``.
DESCRIPTOR: Final = (
    Fact("number", "fd_number"),
    Fact("type", "fd_type"),
    Fact("path", "fdpath"),
    Fact("name", "file_name"),
    Fact("opened_as", "opened_as"),
    Fact("moved", "moved", False),
    Fact("data", "buffer"),
    Fact("open_types", "open_types", ()),
)

#: The paths of the call, below ``paths``.
PATHS: Final = (
    Fact("path", "path"),
    Fact("path2", "path2"),
    Fact("abspath", "abspath"),
    Fact("abspath2", "abspath2"),
    Fact("directory", "dirfd_path"),
    Fact("directory2", "dirfd2_path"),
    Fact("reached", "reached", False),
    Fact("string", "string"),
    Fact("access", "access"),
    Fact("requested", "requested"),
    Fact("host", "host_path"),
    Fact("watched", "watched_path"),
)

#: Facts that have code of their own.
OTHERS: Final = frozenset(
    {"key", "actor", "subject", "start_ts", "start", "container", "usage", "fdinfo", "socket", "polled"}
)

#: The attributes of the program of a process, and what they are by default.
IMAGE: Final = (
    ("filename", b""), ("ino", 0), ("ctime", 0), ("mtime", 0), ("exe_flags", 0), ("privileged", None),
)  # fmt: skip
#: Those of a socket.
SOCKET: Final = (
    ("family", 0), ("type", 0), ("state", 0), ("connected", False), ("l4proto", "<NA>"), ("ino", 0), ("own_path", ""),
    ("peer_path", ""), ("role", None),
)  # fmt: skip
#: The numbers of the standard streams.
STREAMS: Final = (0, 1, 2)
