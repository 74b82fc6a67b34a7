"""Renders Falco's parameters of an event as text (``evt.arg.*``, ``evt.args``).

Each has a raw text and may have a resolved text: ``flags=4097(O_RDONLY|O_CLOEXEC)``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from falcohost.text import buffer_text
from falcohost_syscall.calls import flags as names
from falcohost_syscall.calls.rows import Param
from falcohost_syscall.events.descriptors import CHARS, type_char
from falcohost_syscall.events.event import AT_FDCWD, POLL_BITS, Polled, SyscallEvent
from falcohost_syscall.events.sockets import render_sockaddr
from falcohost_syscall.records.text import absolute

_UNSET = 0xFFFFFFFF
#: The name of an unset user or group.
NOBODY = "<NONE>"

Rendered = tuple[str, str]
_EMPTY = {"bytes": "NULL", "tuple": "NULL", "fdlist": "NULL", "dyn": "NULL"}
#: Options of sockets that are times, and the one that is an error.
_TIMES: Final = frozenset({"SO_RCVTIMEO", "SO_SNDTIMEO"})
_ERROR: Final = "SO_ERROR"


def render(event: SyscallEvent, param: Param) -> tuple[str, str]:
    """Return the raw and the resolved text of a parameter; the latter is "" if it has none."""
    found = event.value(param)
    if found is None:
        return _EMPTY.get(param.kind, "<NA>"), ""
    return _RENDER[param.kind](event, param, found)


def shown(event: SyscallEvent, param: Param) -> str:
    """Return the text of ``evt.arg``: the resolved text if there is one, else the raw text."""
    raw, resolved = render(event, param)
    return resolved or raw


def render_all(event: SyscallEvent) -> str:
    """Return the text of ``evt.args``: every parameter as ``name=raw(resolved)``."""
    if event.row.generic:
        return ""
    words = []
    for param in event.row.params:
        raw, resolved = render(event, param)
        words.append(f"{param.name}={raw}({resolved})" if resolved else f"{param.name}={raw}")
    return " ".join(words)


def _fd(event: SyscallEvent, param: Param, number: int) -> Rendered:
    if number == AT_FDCWD:
        return str(number), "AT_FDCWD"
    if number < 0:
        return str(number), names.errno_name(number)
    if (directory := _directory(event, param)) is not None:
        return str(number), f"<d>{directory}"
    pair = param.source.startswith("pair")
    own = pair or ((param.source == "ret") == event.row.creates_fd and number == event.fd_number)
    return str(number), _fd_name(event) if own else ""


def _directory(event: SyscallEvent, param: Param) -> str | None:
    if param.source == str(event.row.dir_arg):
        return event.dirfd_path
    return event.dirfd2_path if param.source == str(event.row.dir2_arg) else None


def _fd_name(event: SyscallEvent) -> str:
    socket = event.socket
    if socket is not None:
        protocol = {"tcp": "t", "udp": "u", "icmp": "i", "raw": "r"}.get(socket.l4proto, "") if socket.is_ip else ""
        return f"<{type_char(event)}{protocol}>{socket.name}"
    if event.fdinfo is None:
        return ""
    return f"<{type_char(event)}>{event.fdpath or ''}"


def _pid(event: SyscallEvent, _: Param, number: int) -> Rendered:
    process = event.ctx.table.by_number(number)
    return str(number), process.comm if process else ""


def _uid(event: SyscallEvent, _: Param, number: int) -> Rendered:
    return ("-1", NOBODY) if number == _UNSET else (str(number), event.ctx.users.name(number))


def _gid(event: SyscallEvent, _: Param, number: int) -> Rendered:
    return ("-1", NOBODY) if number == _UNSET else (str(number), event.ctx.users.group(number))


def _bits(_: SyscallEvent, param: Param, number: int) -> Rendered:
    return str(number), names.TABLES[param.table or ""].bits(number)


def _mode(_: SyscallEvent, param: Param, number: int) -> Rendered:
    return f"0{number:o}" if number else "0", names.TABLES[param.table or ""].bits(number)


def _enum(_: SyscallEvent, param: Param, number: int) -> Rendered:
    return str(number), names.TABLES[param.table or ""].enum(number)


def _relpath(event: SyscallEvent, param: Param, path: str) -> Rendered:
    if (path.startswith("/") or path == "") and not event.reached:
        return path, ""
    full_path = _FULL.get(param.source)
    if full_path is None:  # it is absolute, but for what a damaged capture says
        return path, ""
    full = (full_path(event, path) or "").removeprefix("<UNKNOWN>")
    return path, "" if event.reached and full == path else full


_FULL: dict[str, Callable[[SyscallEvent, str], str | None]] = {
    "path": lambda event, _: event.abspath,
    "path2": lambda event, _: event.abspath2,
    "filename": lambda event, path: event.abspath or absolute(event.cwd, path),
    "fdpath": lambda _, path: path,
}


def _abstime(_: SyscallEvent, __: Param, ns: int) -> Rendered:
    seconds, rest = divmod(ns, 1_000_000_000)
    local = time.localtime(seconds)
    return time.strftime(f"%Y-%m-%d %H:%M:%S.{rest:09d} %z", local), ""


def _reltime(_: SyscallEvent, __: Param, ns: int) -> Rendered:
    return str(ns), f"{ns / 1e9:g}s"


def _dynamic(event: SyscallEvent, param: Param, found: int | bytes | str) -> Rendered:
    if isinstance(found, bytes):
        return (buffer_text(found) if found else "NULL"), ""
    option = shown(event, event.row.params[event.row.param_index["optname"]]) if param.name == "val" else ""
    if isinstance(found, int) and option in _TIMES:
        return _reltime(event, param, found)
    return str(found), names.errno_name(found) if option == _ERROR and isinstance(found, int) and found else ""


def _polled(event: SyscallEvent, _: Param, found: Sequence[Polled]) -> Rendered:
    known = dict(event.polled)
    words = []
    for number, bits in found:
        of = known.get(number)
        told = sum(falco for own, falco in POLL_BITS if bits & own)
        words.append(f"{number}:{'o' if of is None else CHARS.get(of.type, 'o')}{told:x}")
    return " ".join(words), ""


def _plain(_: SyscallEvent, __: Param, found: Any) -> Rendered:
    return str(found), ""


_RENDER: dict[str, Callable[[SyscallEvent, Param, Any], Rendered]] = {
    "fd": _fd,
    "pid": _pid,
    "uid": _uid,
    "gid": _gid,
    "open": lambda _, __, number: (str(number), names.open_flag_names(number)),
    "flags": _bits,
    "mode": _mode,
    "enum": _enum,
    "path": _relpath,
    "relpath": _relpath,
    "abstime": _abstime,
    "errno": lambda _, __, number: (str(number), names.errno_name(number) if number < 0 else ""),
    "hex": lambda _, __, number: (f"{number:X}", ""),
    "oct": lambda _, __, number: (f"0{number:o}" if number else "0", ""),
    "sigset": lambda _, __, number: (" ".join(names.signal_names(number)), ""),
    "sig": lambda _, __, number: (str(number), names.SIGNALS.get(number, "")),
    "bytes": lambda _, __, data: (buffer_text(data) if data else "NULL", ""),
    "sockaddr": lambda _, __, data: (render_sockaddr(data) or "<NA>", ""),
    "syscall": lambda event, _, number: (str(number), event.type),
    "tuple": _plain,
    "str": _plain,
    "reltime": _reltime,
    "dyn": _dynamic,
    "fdlist": _polled,
    "u32": _plain,
    "u64": _plain,
    "i32": _plain,
    "i64": _plain,
}
