"""Fields of the user, the group and the thread of an event (``user.*``, ``group.*``, ``thread.*``)."""

from __future__ import annotations

import functools

from falcohost import Arg, ArgKind, FieldType
from falcohost_syscall.calls.flags import capability_names
from falcohost_syscall.events.event import UNSET, SyscallEvent
from falcohost_syscall.facts import accounts, header, processes
from falcohost_syscall.fields.field import Get, Need, SyscallField, row
from falcohost_syscall.processes.cgroup_names import is_cut
from falcohost_syscall.processes.users import HOME, NAME, SHELL, UNKNOWN

T = FieldType


def _login_uid(event: SyscallEvent, _: Arg) -> int:
    uid: int = event.loginuid
    return -1 if uid == UNSET else uid


def _login_name(event: SyscallEvent, _: Arg) -> str:
    uid = event.loginuid
    return UNKNOWN if uid == UNSET else event.ctx.users.name(uid)


def _group_name(event: SyscallEvent, _: Arg) -> str:
    return event.ctx.users_of(event).group(event.gid)


def _stored_caps(index: int) -> Get:
    def get(event: SyscallEvent, _: Arg) -> str | None:
        caps = event.proc.image.caps
        return capability_names(caps[index]) if caps else None

    return get


def _cgroups(event: SyscallEvent, _: Arg) -> str | None:
    return " ".join(map(_clear, event.cgroups)) or None


@functools.lru_cache(1024)
def _clear(line: str) -> str:
    """Return *line* so that nobody who names a cgroup can have it look like several, or like one with its beginning."""
    subsystem, _, path = line.replace(" ", r"\x20").partition("=")
    return f"{subsystem}=...{path}" if is_cut(path) else f"{subsystem}={path}"


def _cgroup(event: SyscallEvent, arg: Arg) -> str | None:
    for line in event.cgroups:
        subsystem, _, path = line.partition("=")
        if subsystem == arg:
            return path
    return None


_name, _home, _shell = (accounts.own_user(column) for column in (NAME, HOME, SHELL))
_login = accounts.user(accounts.LOGINUID, NAME)

FIELDS: tuple[SyscallField, ...] = (
    row("user.uid", T.UINT32, "Effective user id.", lambda e, _: e.uid, header.number("uid")),
    row(
        "user.name",
        T.CHARBUF,
        "Name of the user; <NA> if it has none.",
        lambda e, _: e.ctx.users_of(e).name(e.uid),
        _name,
        Need.ACCOUNTS,
    ),
    row(
        "user.homedir",
        T.CHARBUF,
        "Home directory of the user.",
        lambda e, _: e.ctx.users_of(e).home(e.uid),
        _home,
        Need.ACCOUNTS,
    ),
    row(
        "user.shell",
        T.CHARBUF,
        "Login shell of the user.",
        lambda e, _: e.ctx.users_of(e).shell(e.uid),
        _shell,
        Need.ACCOUNTS,
    ),
    row("user.loginuid", T.INT64, "Id of the user that logged in; -1 if nobody did.", _login_uid, processes.login_uid),
    row(
        "user.loginname",
        T.CHARBUF,
        "Name of the user that logged in; <NA> if nobody did.",
        _login_name,
        _login,
        Need.ACCOUNTS,
    ),
    row("group.gid", T.UINT32, "Effective group id.", lambda e, _: e.gid, header.number("gid")),
    row(
        "group.name",
        T.CHARBUF,
        "Name of the group; <NA> if it has none.",
        _group_name,
        accounts.group,
        Need.ACCOUNTS,
    ),
    row("user.gid", T.UINT32, "The same as group.gid.", lambda e, _: e.gid, header.number("gid")),
    row("user.group", T.CHARBUF, "The same as group.name.", _group_name, accounts.group, Need.ACCOUNTS),
    row("thread.tid", T.INT64, "Thread id.", lambda e, _: e.tid, header.number("tid")),
    row("proc.tid", T.INT64, "The same as thread.tid.", lambda e, _: e.tid, header.number("tid")),
    row(
        "thread.vtid",
        T.INT64,
        "Thread id in the thread's own pid namespace.",
        lambda e, _: e.vtid if e.vtid >= 0 else None,
        header.number_inside("vtid"),
    ),
    row("thread.ismain", T.BOOL, "The thread is the main thread of its process.", lambda e, _: e.tid == e.pid),
    row(
        "thread.cap_effective",
        T.CHARBUF,
        "Effective capabilities.",
        lambda e, _: capability_names(e.caps),
        processes.effective,
    ),
    row(
        "thread.cap_permitted",
        T.CHARBUF,
        "Permitted capabilities, as of the last exec.",
        _stored_caps(0),
        processes.permitted,
    ),
    row(
        "thread.cap_inheritable",
        T.CHARBUF,
        "Inheritable capabilities, as of the last exec.",
        _stored_caps(1),
    ),
    row(
        "thread.cgroups",
        T.CHARBUF,
        "Cgroups of the thread, as subsystem=path; those at the root are left out.",
        _cgroups,
    ),
    SyscallField(
        name="thread.cgroup",
        type=T.CHARBUF,
        description="Path of the thread's cgroup in one subsystem (thread.cgroup.memory); absent at the root.",
        get=_cgroup,
        arg=ArgKind.KEY,
        arg_required=True,
        dotted=True,
        check_bracket=lambda subsystem: f"filter syntax error: thread.cgroup[{subsystem}]",
    ),
)
