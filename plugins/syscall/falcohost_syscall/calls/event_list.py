"""Lists the parameters of each event type for ``--list-events``, with Falco's names of their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falcohost import EventParam
from falcohost_syscall.calls.flags import TABLES
from falcohost_syscall.calls.rows import BY_NAME, Param

_TYPES = {
    "abstime": "ABSTIME",
    "bytes": "BYTEBUF",
    "enum": "ENUMFLAGS32",
    "errno": "ERRNO",
    "fd": "FD",
    "flags": "FLAGS32",
    "gid": "GID",
    "hex": "UINT64",
    "i32": "INT32",
    "i64": "INT64",
    "mode": "MODE",
    "oct": "UINT32",
    "open": "FLAGS32",
    "path": "FSPATH",
    "pid": "PID",
    "reltime": "RELTIME",
    "relpath": "FSRELPATH",
    "dyn": "DYNAMIC",
    "fdlist": "FDLIST",
    "sig": "SIGTYPE",
    "sigset": "SIGSET",
    "sockaddr": "SOCKADDR",
    "str": "CHARBUF",
    "syscall": "SYSCALLID",
    "tuple": "SOCKTUPLE",
    "u32": "UINT32",
    "u64": "UINT64",
    "uid": "UID",
}


def event_params() -> Mapping[str, Sequence[EventParam]]:
    """Return the parameters of each event type, in order."""
    return {name: [_described(param) for param in row.params] for name, row in BY_NAME.items()}


def _described(param: Param) -> EventParam:
    table = "open" if param.kind == "open" else param.table
    flags = () if table is None else tuple(name for name, _ in TABLES[table].names)
    return EventParam(param.name, _TYPES[param.kind], flags)
