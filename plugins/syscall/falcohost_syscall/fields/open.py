"""Fields of how a file was opened, and of the path of an ``…at`` call (``evt.is_open_*``, ``evt.abspath``)."""

from __future__ import annotations

import os

from falcohost import Arg, ArgKind, FieldType
from falcohost_syscall.calls.flags import OPEN_CREATED, OPEN_TMPFILE
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.facts import arguments, paths
from falcohost_syscall.fields.field import SyscallField
from falcohost_syscall.parameters import values
from falcohost_syscall.parameters.paths import AT_CALLS, EXEC_BITS, OPENS_WITH_FLAGS, TWO_PATHS


def _open_flags(event: SyscallEvent) -> int:
    param = values.find(event.row, "flags") if event.type in OPENS_WITH_FLAGS else None
    found: int | None = event.value(param) if param else 0
    return found or 0


def _opened_to(event: SyscallEvent, mode: int) -> bool:
    """Return whether a file was opened with the access *mode* (O_RDONLY, O_WRONLY) or with O_RDWR."""
    return event.access in (mode, os.O_RDWR)


def _is_open_create(event: SyscallEvent, _: Arg) -> bool:
    flags = _open_flags(event)
    return bool(flags & OPEN_CREATED) or bool(flags & OPEN_TMPFILE and event.ret >= 0)


def _is_open_exec(event: SyscallEvent, _: Arg) -> bool:
    if event.type != "creat" and not _open_flags(event) & (OPEN_TMPFILE | 0x4):
        return False
    param = values.find(event.row, "mode") if event.type == "creat" or event.type in OPENS_WITH_FLAGS else None
    return bool(param and (event.value(param) or 0) & EXEC_BITS)


def _abspath(event: SyscallEvent, arg: Arg) -> str | None:
    kind = event.type
    if kind == "open_by_handle_at":
        return event.fdpath if event.ret > 0 else None
    if kind in TWO_PATHS and arg == "dst":
        return event.abspath2
    return event.abspath if kind in AT_CALLS else None


FIELDS: tuple[SyscallField, ...] = (
    SyscallField(
        name="evt.is_open_read",
        type=FieldType.BOOL,
        description="A file was opened for reading (open, openat, openat2, open_by_handle_at).",
        get=lambda e, _: _opened_to(e, os.O_RDONLY),
        fact=arguments.opened_to(os.O_RDONLY),
    ),
    SyscallField(
        name="evt.is_open_write",
        type=FieldType.BOOL,
        description="A file was opened for writing (open, openat, openat2, open_by_handle_at).",
        get=lambda e, _: _opened_to(e, os.O_WRONLY),
        fact=arguments.opened_to(os.O_WRONLY),
    ),
    SyscallField(
        name="evt.is_open_create",
        type=FieldType.BOOL,
        description="The open created the file. Never true for creat, as in Falco.",
        get=_is_open_create,
        fact=arguments.made,
    ),
    SyscallField(
        name="evt.is_open_exec",
        type=FieldType.BOOL,
        description="The open (or creat) would create an executable file.",
        get=_is_open_exec,
        fact=arguments.made_executable,
    ),
    SyscallField(
        name="evt.abspath",
        type=FieldType.CHARBUF,
        description="Path argument of an …at call, made absolute; [src] or [dst] for calls with two paths.",
        get=_abspath,
        fact=paths.of_at_call,
        arg=ArgKind.KEY,
        dotted=True,
        check_arg=lambda arg: None if arg in ("src", "dst") else f"unknown path {arg}; use src or dst",
    ),
)
