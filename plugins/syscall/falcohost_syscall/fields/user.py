"""Fields of the user, the group and the thread behind an event (``user.*``, ``group.*``, ``thread.*``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from falcohost import Arg, ArgKind, Field, FieldType
from falcohost_syscall.calls.flags import capability_names
from falcohost_syscall.events.event import CAPS, CGROUP, GID, LOGINUID, PID, TID, UID, UNSET, VTID, SyscallEvent
from falcohost_syscall.processes.users import UNKNOWN

T = FieldType
Get = Callable[[SyscallEvent, Arg], Any]


def _login_uid(event: SyscallEvent, _: Arg) -> int:
    uid: int = event.h[LOGINUID]
    return -1 if uid == UNSET else uid


def _login_name(event: SyscallEvent, _: Arg) -> str:
    uid = event.h[LOGINUID]
    return UNKNOWN if uid == UNSET else event.ctx.users.name(uid)


def _stored_caps(index: int) -> Get:
    def get(event: SyscallEvent, _: Arg) -> str | None:
        caps = event.proc.image.caps
        return capability_names(caps[index]) if caps else None

    return get


def _cgroups(event: SyscallEvent, _: Arg) -> str | None:
    return " ".join(event.ctx.containers.cgroups(event.h[CGROUP])) or None


def _cgroup(event: SyscallEvent, arg: Arg) -> str | None:
    for line in event.ctx.containers.cgroups(event.h[CGROUP]):
        subsystem, _, path = line.partition("=")
        if subsystem == arg:
            return path
    return None


def _rows() -> Iterator[Field]:
    group_name: Get = lambda e, _: e.ctx.users.group(e.h[GID])  # noqa: E731
    rows: tuple[tuple[str, FieldType, str, Get], ...] = (
        ("user.uid", T.UINT32, "User id (the effective one).", lambda e, _: e.h[UID]),
        ("user.name", T.CHARBUF, "Name of the user, <NA> where it has none.", lambda e, _: e.ctx.users.name(e.h[UID])),
        ("user.homedir", T.CHARBUF, "Home directory of the user.", lambda e, _: e.ctx.users.home(e.h[UID])),
        ("user.shell", T.CHARBUF, "Login shell of the user.", lambda e, _: e.ctx.users.shell(e.h[UID])),
        ("user.loginuid", T.INT64, "User id that logged in; -1 where nobody did.", _login_uid),
        ("user.loginname", T.CHARBUF, "Name of the user that logged in, <NA> where nobody did.", _login_name),
        ("group.gid", T.UINT32, "Group id (the effective one).", lambda e, _: e.h[GID]),
        ("group.name", T.CHARBUF, "Name of the group, <NA> where it has none.", group_name),
        ("user.gid", T.UINT32, "The same as group.gid.", lambda e, _: e.h[GID]),
        ("user.group", T.CHARBUF, "The same as group.name.", group_name),
        ("thread.tid", T.INT64, "Thread id.", lambda e, _: e.h[TID]),
        ("proc.tid", T.INT64, "The same as thread.tid.", lambda e, _: e.h[TID]),
        ("thread.vtid", T.INT64, "Thread id in its own pid namespace.", lambda e, _: e.h[VTID]),
        ("thread.ismain", T.BOOL, "The thread is the process's first.", lambda e, _: e.h[TID] == e.h[PID]),
        ("thread.cap_effective", T.CHARBUF, "Capabilities in effect.", lambda e, _: capability_names(e.h[CAPS])),
        ("thread.cap_permitted", T.CHARBUF, "Capabilities that it may use, as of its exec.", _stored_caps(0)),
        ("thread.cap_inheritable", T.CHARBUF, "Capabilities that an exec would keep, as of its exec.", _stored_caps(1)),
        ("thread.cgroups", T.CHARBUF, "Its cgroups, as subsystem=path; those at the root are left out.", _cgroups),
    )
    for name, kind, description, get in rows:
        yield Field(name=name, type=kind, description=description, get=get)
    yield Field(
        name="thread.cgroup",
        type=T.CHARBUF,
        description="Path of its cgroup in one subsystem (thread.cgroup.memory); absent at the root.",
        get=_cgroup,
        arg=ArgKind.KEY,
        arg_required=True,
        dotted=True,
        check_bracket=lambda subsystem: f"filter syntax error: thread.cgroup[{subsystem}]",
    )


FIELDS: tuple[Field, ...] = tuple(_rows())
