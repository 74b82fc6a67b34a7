"""Writes an event of any driver as JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from falcohost import UnknownValueError
from falcohost_syscall.events.event import UNSET, SyscallEvent
from falcohost_syscall.events.sockets import Endpoint, Socket
from falcohost_syscall.fields.agent import agent_part
from falcohost_syscall.fields.of_process import is_falcohost
from falcohost_syscall.processes.table import NO_SESSION, Process
from falcohost_syscall.recorded.facts import DESCRIPTOR, EVENT, IMAGE, PATHS, SOCKET, STREAMS, Fact
from falcohost_syscall.records.text import text

#: Stands for a value that could not be known.
UNKNOWN: Final = {"unknown": True}
#: Kinds of parameters that are ids of processes, users and groups.
_PIDS, _UIDS, _GIDS = ("pid",), ("uid",), ("gid",)


def told(event: Any) -> dict[str, Any]:
    """Return *event* in JSON; ``views`` are its other views, of which only what differs is there."""
    whole = _view(event)
    views = [_differing(whole, _view(other)) for other in getattr(event, "alternatives", ())]
    return whole | ({"views": views} if views else {})


def _differing(whole: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    return {key: view.get(key) for key in {**whole, **view} if view.get(key) != whole.get(key)}


def _view(event: SyscallEvent) -> dict[str, Any]:
    boot = event.ctx.boot
    found: dict[str, Any] = {"type": event.type, "time": event.ts, "num": event.num}
    found |= _facts(event, EVENT)
    for key in ("pid", "vpid"):
        if found.get(key) == getattr(event.proc, key):
            del found[key]
    for key, other in (("tid", event.pid), ("vtid", event.vpid)):
        if found.get(key) == other:
            del found[key]
    found["start"] = event.start + boot if event.start else 0
    params = {param.name: _value(event, param) for param in event.row.params}
    found["params"] = {name: value for name, value in params.items() if value is not None}
    fd = _facts(event, DESCRIPTOR) | _descriptor(event)
    found |= {"fd": fd, "paths": _facts(event, PATHS), "container": _container(event)}
    usage = event.usage
    found |= {"usage": None if usage is None else list(usage), "process": _chain(event.proc, boot)}
    found |= {"accounts": _accounts(event), "others": [_process(one, boot) for one in _others(event)]}
    found["agent_part"] = agent_part(event, None)
    found["by_falcohost"] = is_falcohost(event, None) or None
    return {key: value for key, value in found.items() if value not in (None, {}, [])}


def _facts(event: object, facts: Iterable[Fact]) -> dict[str, Any]:
    read = {fact.key: (getattr(event, fact.name), fact.default) for fact in facts}
    return {key: coded(value) for key, (value, default) in read.items() if value != default}


def coded(value: Any) -> Any:
    """Return *value* as JSON has it; bytes are those of a map."""
    if isinstance(value, (bytes, bytearray)):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (tuple, list)):
        return [coded(item) for item in value]
    return value


def _value(event: SyscallEvent, param: Any) -> Any:
    try:
        return coded(event.value(param))
    except UnknownValueError:
        return UNKNOWN


def _descriptor(event: SyscallEvent) -> dict[str, Any]:
    info, socket, found = event.fdinfo, event.socket, dict[str, Any]()
    if info is not None:
        known = getattr(info, "_asdict", None)
        found["file"] = dict(known()) if known else {name: getattr(info, name) for name in ("ino", "dev", "layer")}
    if socket is not None:
        found["socket"] = _socket(socket)
    streams = {str(number): event.stream(number) for number in STREAMS}
    if any(streams.values()):
        found["streams"] = {number: list(stream) for number, stream in streams.items() if stream is not None}
    if event.polled:
        found["polled"] = [
            [number, None if one is None else [one.type, one.name, one.socket and _socket(one.socket)]]
            for number, one in event.polled
        ]
    return found


def _socket(socket: Socket) -> dict[str, Any]:
    found = {name: getattr(socket, name) for name, default in SOCKET if getattr(socket, name) != default}
    found |= {"local": _end(socket.local), "remote": _end(socket.remote), "ends": list(socket.ends)}
    return found


def _end(end: Endpoint) -> list[Any]:
    return [end.ip.hex(), end.port, end.path]


def _container(event: SyscallEvent) -> dict[str, str] | None:
    one = event.container
    if one.is_host:
        return None
    told = {"id": one.id, "full_id": one.full_id, "type": one.type}
    return {**told, "outer": one.outer} if one.outer else told


def _chain(process: Process, boot: int) -> dict[str, Any]:
    """Return a process with its ancestors, each as the parent of the one before."""
    found = _process(process, boot)
    inner = found
    for above in process.ancestors():
        inner["parent"] = inner = _process(above, boot)
    return found


def _process(process: Process, boot: int) -> dict[str, Any]:
    image = process.image
    found: dict[str, Any] = {"name": process.comm, "pid": process.pid, "exepath": image.exepath}
    try:
        found["args"] = list(process.argv())
    except UnknownValueError:
        found |= {"args": list(image.argv), "args_cut": True}
    found |= {"ppid": process.ppid, "vpid": process.vpid, "start": process.start + boot if process.start else 0}
    found |= {name: coded(getattr(image, name)) for name, default in IMAGE if getattr(image, name) != default}
    if image.filename:
        found["filename"] = text(image.filename)
    found |= {"exec_time": image.exec_ts + boot if image.exec_ts else 0}
    found |= {"pid_namespace_time": image.pidns_start + boot if image.pidns_start else 0}
    if image.env_raw is not None:
        found |= {"env": list(image.env), "env_cut": image.env_cut}
    if image.caps is not None:
        found["caps"] = list(image.caps)
    if process.session != NO_SESSION:
        found["session"] = list(process.session)
    if process.cwd is not None:
        found["cwd"] = process.cwd
    return {key: value for key, value in found.items() if value not in (0, None, False) or key == "pid"}


def _accounts(event: SyscallEvent) -> dict[str, Any]:
    """Return the names of the event's users and groups, inside of its container if it is in one."""
    users, machine = event.ctx.users_of(event), event.ctx.users
    uids = {number for number in _numbers(event, _UIDS) if number not in (UNSET, -1)}
    gids = {number for number in _numbers(event, _GIDS) if number not in (UNSET, -1)}
    if event.loginuid != UNSET:
        uids.add(event.loginuid)
    found: dict[str, Any] = {"user": [users.name(event.uid), users.home(event.uid), users.shell(event.uid)]}
    found["group"] = users.group(event.gid)
    found |= {"users": {str(uid): machine.name(uid) for uid in sorted(uids)}}
    found |= {"groups": {str(gid): machine.group(gid) for gid in sorted(gids)}}
    return {key: value for key, value in found.items() if value}


def _others(event: SyscallEvent) -> Iterator[Process]:
    """Yield processes that the event names besides its own and the ancestors: leaders, and those of parameters."""
    table = event.ctx.table
    chain = {event.proc.pid, *(one.pid for one in event.proc.ancestors())}
    leaders = {number for process in (event.proc, *event.proc.ancestors()) for number in process.session[:2]}
    for number in sorted((leaders | _numbers(event, _PIDS)) - chain):
        process = table.by_number(number) if number > 0 else None
        if process is not None:
            yield process


def _numbers(event: SyscallEvent, kinds: Iterable[str]) -> set[int]:
    found = set[int]()
    for param in event.row.params:
        if param.kind in kinds:
            with suppress(UnknownValueError):
                value = event.value(param)
                if isinstance(value, int):
                    found.add(value)
    return found
