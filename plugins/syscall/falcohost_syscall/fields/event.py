"""Fields of the event itself: its type, parameters and result (``evt.*``, ``syscall.type``)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final

from falcohost import Arg, ArgKind, FieldType
from falcohost_syscall.calls.flags import errno_name
from falcohost_syscall.calls.rows import EVENT_NAMES, Call
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.facts import arguments, header
from falcohost_syscall.facts.kinds import by_type, constant
from falcohost_syscall.fields.categories import (
    category,
    error_count,
    every,
    on_files,
    on_memory,
    on_others,
    on_sockets,
)
from falcohost_syscall.fields.field import Need, SyscallField
from falcohost_syscall.parameters import texts, values
from falcohost_syscall.parameters.types import OPAQUE, PARAMETERS, TEXTS

_WAITS = frozenset({"epoll_wait", "poll", "ppoll", "select", "nanosleep"})


#: Calls that Falco says read or write a descriptor, though none of their parameters is the data. The first does both.
_MOVES: Final = {"copy_file_range": "write", "finit_module": "read"}


def _io(row: Call) -> str | None:
    return _MOVES.get(row.name, row.io)


def _reads(row: Call) -> bool:
    return _io(row) == "read" or row.name == "copy_file_range"


def _check_type(value: str) -> str | None:
    return None if value in EVENT_NAMES else f"unknown event type {value}"


def _check_parameter(name: str) -> str | None:
    if name.isdecimal() or name in PARAMETERS:
        return None
    return f"unknown event argument {name}"


def _argument(event: SyscallEvent, arg: Arg) -> str | None:
    param = values.find(event.row, arg if arg is not None else "")
    return None if param is None else texts.shown(event, param)


def _raw_value(event: SyscallEvent, arg: Arg) -> Any:
    param = values.find(event.row, arg if arg is not None else "")
    return None if param is None else event.value(param)


def _raw_argument(event: SyscallEvent, arg: Arg) -> int | None:
    found = _raw_value(event, arg)
    return found if isinstance(found, int) else None


def _raw_text(event: SyscallEvent, arg: Arg) -> str | None:
    found = _raw_value(event, arg)
    return found if isinstance(found, str) else None


def _raw_field(name: str) -> SyscallField:
    if name in TEXTS:
        return replace(_RAWARG, type=FieldType.CHARBUF, get=_raw_text)
    if name in OPAQUE:
        return replace(
            _RAWARG, check_value=lambda _: f"filter error: operators are not supported for type '{OPAQUE[name]}'"
        )
    return _RAWARG


def _result(event: SyscallEvent, _: Arg) -> str | None:
    if not event.row.returns:
        return None
    returned = event.ret
    return "SUCCESS" if returned >= 0 else errno_name(returned) or str(returned)


def _raw_result(event: SyscallEvent, _: Arg) -> int | None:
    returned: int = event.ret
    return returned if event.row.returns else None


def _failed(event: SyscallEvent, _: Arg) -> bool | None:
    return event.ret < 0 if event.row.returns else None


def _buffer_length(event: SyscallEvent, _: Arg) -> int | None:
    returned: int = event.ret
    return returned if event.row.io and returned >= 0 else None


def _is_syslog(event: SyscallEvent, _: Arg) -> bool:
    if event.row.io != "write" or event.socket is None:
        return False
    return "/dev/log" in event.socket.name or event.socket.remote.port == 514


def _delta(event: SyscallEvent, _: Arg) -> int:
    return event.ctx.since_previous(event.ts)


def _distance(event: SyscallEvent, arg: Arg) -> int | None:
    return abs(event.ts - int(arg)) // 1_000_000 if arg is not None and str(arg).isdecimal() else None


def _local_time(event: SyscallEvent, _: Arg) -> str:
    seconds, rest = divmod(event.ts, 1_000_000_000)
    return time.strftime(f"%H:%M:%S.{rest:09d}", time.localtime(seconds))


def _is_type(event: SyscallEvent, arg: Arg) -> int:
    return int(event.type == arg)


_RAWARG = SyscallField(
    name="evt.rawarg",
    type=FieldType.INT64,
    description="Value of a parameter, by its name: a number, or text if the parameter is a text.",
    get=_raw_argument,
    fact=arguments.raw,
    needs=frozenset({Need.PARAMETERS}),
    arg=ArgKind.KEY,
    arg_required=True,
    dotted=True,
    check_arg=_check_parameter,
    check_bracket=lambda _: "evt.arg fields must be expressed explicitly",
    variant=lambda name: _raw_field(name),
    no_rhs=True,
    no_transform=True,
)

FIELDS: tuple[SyscallField, ...] = (
    SyscallField(
        name="evt.type",
        type=FieldType.CHARBUF,
        description="Event type: the name of the system call, or procexit.",
        get=lambda e, _: e.type,
        fact=by_type(lambda row: row.name),
        check_value=_check_type,
    ),
    SyscallField(
        name="syscall.type",
        type=FieldType.CHARBUF,
        description="Name of the system call; absent for events that are none (procexit, signaldeliver and the like).",
        get=lambda e, _: e.type if e.row.is_call else None,
        fact=by_type(lambda row: row.name if row.is_call else None),
        check_value=_check_type,
        tells_type=True,
    ),
    SyscallField(
        name="evt.type.is",
        type=FieldType.UINT32,
        description="1 if the event has the type given as argument, else 0.",
        get=_is_type,
        fact=lambda row, arg: constant(int(row.name == arg)),
        arg=ArgKind.KEY,
        arg_required=True,
        dotted=True,
        check_arg=lambda name: _check_type(name) and f"filter_check called with nonexistent field evt.type.is.{name}",
        check_bracket=lambda name: f"filter syntax error: evt.type.is[{name}]",
    ),
    SyscallField(
        name="evt.dir",
        type=FieldType.CHARBUF,
        description="Always <, since only returns are reported; events that are no calls have >. Kept for old rules.",
        get=lambda e, _: "<" if e.row.is_call else ">",
        fact=by_type(lambda row: "<" if row.is_call else ">"),
        deprecated=True,
    ),
    SyscallField(
        name="evt.category",
        type=FieldType.CHARBUF,
        description="Category of the call (file, net, process …); reads and writes have that of their descriptor.",
        get=category,
    ),
    SyscallField(
        name="evt.cpu",
        type=FieldType.INT16,
        description="Number of the processor that the event occurred on.",
        get=lambda e, _: e.cpu,
    ),
    SyscallField(
        name="evt.args",
        type=FieldType.CHARBUF,
        description="All parameters as name=value; those with a readable form as name=value(readable).",
        get=lambda e, _: texts.render_all(e),
        needs=frozenset({Need.PARAMETERS}),
    ),
    SyscallField(
        name="evt.info",
        type=FieldType.CHARBUF,
        description="The same as evt.args.",
        get=lambda e, _: texts.render_all(e),
        needs=frozenset({Need.PARAMETERS}),
    ),
    SyscallField(
        name="evt.arg",
        type=FieldType.CHARBUF,
        description="One parameter in its readable form, by name (evt.arg.flags) or index (evt.arg[0]).",
        get=_argument,
        fact=arguments.parameter,
        needs=frozenset({Need.PARAMETERS, Need.ACCOUNTS}),
        arg=ArgKind.ANY,
        arg_required=True,
        dotted=True,
        check_arg=_check_parameter,
        check_bracket=lambda place: None if place.isdecimal() else f"{place} is not a valid number",
    ),
    _RAWARG,
    SyscallField(
        name="evt.buffer",
        type=FieldType.BYTEBUF,
        description="First bytes (as many as `falco_libs.snaplen` says) of the data that was read or written.",
        get=lambda e, _: e.buffer,
        untold="data that was read or written is examined only after an event has been passed on",
    ),
    SyscallField(
        name="evt.buflen",
        type=FieldType.UINT64,
        description="Number of bytes that were read or written.",
        get=_buffer_length,
        fact=header.length,
    ),
    SyscallField(
        name="evt.res",
        type=FieldType.CHARBUF,
        description="SUCCESS, or the name of the error (ENOENT).",
        get=_result,
        fact=header.result,
    ),
    SyscallField(
        name="evt.rawres",
        type=FieldType.INT64,
        description="Return value of the call; a negative number is an error.",
        get=_raw_result,
        fact=header.raw_result,
    ),
    SyscallField(
        name="evt.failed",
        type=FieldType.BOOL,
        description="The call returned an error.",
        get=_failed,
        fact=header.failed,
    ),
    SyscallField(
        name="evt.is_io",
        type=FieldType.BOOL,
        description="The call reads from a descriptor or writes to one.",
        get=lambda e, _: _io(e.row) is not None,
        fact=by_type(lambda row: _io(row) is not None),
    ),
    SyscallField(
        name="evt.is_io_read",
        type=FieldType.BOOL,
        description="The call reads from a descriptor.",
        get=lambda e, _: _reads(e.row),
        fact=by_type(_reads),
    ),
    SyscallField(
        name="evt.is_io_write",
        type=FieldType.BOOL,
        description="The call writes to a descriptor.",
        get=lambda e, _: _io(e.row) == "write",
        fact=by_type(lambda row: _io(row) == "write"),
    ),
    SyscallField(
        name="evt.io_dir",
        type=FieldType.CHARBUF,
        description="read or write for calls that do either.",
        get=lambda e, _: _io(e.row),
        fact=by_type(_io),
    ),
    SyscallField(
        name="evt.is_wait",
        type=FieldType.BOOL,
        description="The call waits for something (poll, select, nanosleep …).",
        get=lambda e, _: e.type in _WAITS,
    ),
    SyscallField(
        name="evt.is_io_uring",
        type=FieldType.BOOL,
        description="The operation was requested through io_uring, not by a system call of its own.",
        get=lambda e, _: e.by_uring,
    ),
    SyscallField(
        name="evt.is_cut",
        type=FieldType.BOOL,
        description="A text of the event, or arguments or environment of its process, are longer than what is known.",
        get=lambda e, _: e.is_cut,
    ),
    SyscallField(
        name="evt.is_rewritten",
        type=FieldType.BOOL,
        description="What the caller passed in its memory was changed while the call was under way; only for calls "
        "that leave nothing behind from which it can be told: rename, mount, setxattr, openat2 and the like. Or "
        "another thread closed the descriptor that an open returns, or that a connect, bind, sendto, sendmsg or "
        "sendmmsg was given, before the call returned, or put another file there.",
        get=lambda e, _: e.is_rewritten,
        fact=header.rewritten,
    ),
    SyscallField(
        name="evt.is_uncompared",
        type=FieldType.BOOL,
        description="What the caller passed could not be compared with what it was when the call began, as "
        "evt.is_rewritten needs: it was not in memory then, or the beginning of the call was not seen.",
        get=lambda e, _: e.is_uncompared,
        fact=header.uncompared,
    ),
    SyscallField(
        name="evt.is_syslog",
        type=FieldType.BOOL,
        description="The call writes to the system log's socket.",
        get=_is_syslog,
    ),
    SyscallField(
        name="evt.count",
        type=FieldType.UINT32,
        description="Always 1.",
        get=lambda _, __: 1,
    ),
    SyscallField(
        name="evt.count.exit",
        type=FieldType.UINT32,
        description="1 for returns of calls.",
        get=lambda e, _: 1 if e.row.is_call else None,
    ),
    SyscallField(
        name="evt.deltatime",
        type=FieldType.RELTIME,
        description="Time since the previous event for which this field was read; 0 for the first.",
        get=_delta,
        needs=frozenset({Need.EVERY_EVENT}),
    ),
    SyscallField(
        name="evt.deltatime.s",
        type=FieldType.RELTIME,
        description="Whole seconds of evt.deltatime.",
        get=lambda e, a: _delta(e, a) // 1_000_000_000,
        needs=frozenset({Need.EVERY_EVENT}),
    ),
    SyscallField(
        name="evt.deltatime.ns",
        type=FieldType.RELTIME,
        description="Nanoseconds of evt.deltatime beyond its whole seconds.",
        get=lambda e, a: _delta(e, a) % 1_000_000_000,
        needs=frozenset({Need.EVERY_EVENT}),
    ),
    SyscallField(
        name="evt.outputtime",
        type=FieldType.CHARBUF,
        description="Local time of the event.",
        get=_local_time,
        print_only=True,
    ),
    SyscallField(
        name="evt.around",
        type=FieldType.UINT64,
        description="Milliseconds between the event and the given time, in nanoseconds since the epoch.",
        get=_distance,
        arg=ArgKind.KEY,
        arg_required=True,
        check_arg=lambda arg: None if arg.isdecimal() else f"{arg} is not a time in nanoseconds since the epoch",
        filter_only=True,
    ),
    *(
        SyscallField(
            name=f"evt.count.error{suffix}",
            type=FieldType.UINT32,
            description=f"1 if the call failed, else 0{of}.",
            get=error_count(counts),
        )
        for suffix, of, counts in (
            ("", "", every),
            (".file", ", for opens and calls on descriptors of files", on_files),
            (".net", ", for accepts, connects and calls on descriptors of sockets", on_sockets),
            (".memory", ", for calls on memory", on_memory),
            (".other", ", for all other calls", on_others),
        )
    ),
)
