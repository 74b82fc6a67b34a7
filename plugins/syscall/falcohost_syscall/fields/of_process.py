"""Getters for fields of the process and its ancestors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import dropwhile
from operator import not_
from typing import Any, TypeAlias

from falcohost import Arg, UnknownValueError
from falcohost.own_program import own_program
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.fields.field import Get, Need, SyscallField
from falcohost_syscall.processes.longer import LONGER
from falcohost_syscall.processes.table import Process
from falcohost_syscall.records.record import EXE_ENTERED

#: Reads something of a process.
Of: TypeAlias = Callable[[Process], Any]

_MAX_ENV_DEPTH = 20

#: What Linux 6.13 and later add to the nanoseconds of an inode's last change once somebody has asked for it.
_QUERIED = 1 << 31


def comm(process: Process) -> str:
    """Return the name of the process's main thread."""
    return process.comm


def exe(process: Process) -> str:
    """Return the zeroth argument."""
    argv = process.image.argv
    if process.image.args_cut and len(argv) < 2:
        argv = process.argv()
    return argv[0] if argv else ""


def exepath(process: Process) -> str:
    """Return the path of the executable."""
    return process.image.exepath


def args(process: Process) -> str:
    """Return the arguments after the zeroth."""
    return process.arguments()


def cmdline(process: Process) -> str:
    """Return the name and the arguments."""
    rest = process.arguments()
    return f"{process.comm} {rest}" if rest or len(process.argv()) > 1 else process.comm


def exeline(process: Process) -> str:
    """Return the zeroth argument and the arguments after it."""
    return f"{exe(process)} {args(process)}"


def known(get: Get) -> Get:
    """Return a getter of the beginning of what *get* reads of texts that are too long to be known."""

    def beginning(event: SyscallEvent, arg: Arg) -> Any:
        with LONGER.beginnings():
            return get(event, arg)

    return beginning


def may_be_cut(field: SyscallField) -> SyscallField:
    """Return *field* as one that reads a text which may be too long to be known."""
    assert field.get is not None
    needs = field.needs if Need.ENVIRONMENTS in field.needs else field.needs | {Need.ARGUMENTS}
    return replace(field, known=known(field.get), needs=needs)


def own(of: Of) -> Get:
    """Return the getter for something of the process itself."""
    return lambda event, _: of(event.proc)


def of_parent(of: Of) -> Get:
    """Return the getter for something of the parent."""

    def get(event: SyscallEvent, _: Arg) -> Any:
        parent = event.proc.up()
        return None if parent is None else of(parent)

    return get


def ancestor(process: Process, depth: int) -> Process | None:
    """Return the process *depth* generations up; 0 is itself."""
    found: Process | None = process
    while depth and found is not None:
        found = found.up()
        depth -= 1
    return found


def of_ancestors(of: Of) -> Get:
    """Return the getter for something of one ancestor, or of all ancestors."""

    def get(event: SyscallEvent, arg: Arg) -> Any:
        if isinstance(arg, int):
            found = ancestor(event.proc, arg) if arg < 1000 else None
            return None if found is None else of(found)
        return tuple(of(process) for process in event.proc.ancestors()) or None

    return get


def shown_ancestors(of: Of) -> Get:
    """Return the getter for the text that outputs show of all ancestors: as in Falco, no blank is behind nothing."""
    get = of_ancestors(of)

    def shown(event: SyscallEvent, arg: Arg) -> Any:
        found = get(event, arg)
        return " ".join(dropwhile(not_, found)) or None if isinstance(found, tuple) else found

    return shown


def argument(event: SyscallEvent, arg: Arg) -> str:
    """Return the arguments after the zeroth, or one of them."""
    if isinstance(arg, int):
        argv = event.proc.image.argv
        if event.proc.image.args_cut and arg + 2 >= len(argv):
            argv = event.proc.argv()
        return argv[arg + 1] if arg + 1 < len(argv) else ""
    return args(event.proc)


def ancestors_arguments(event: SyscallEvent, arg: Arg) -> str | None:
    """Return the arguments of one ancestor, or those of all ancestors joined."""
    if isinstance(arg, int):
        found = ancestor(event.proc, arg) if arg < 1000 else None
        return None if found is None else args(found)
    joined = ""
    for process in event.proc.ancestors():
        joined += f" {args(process)}" if joined else args(process)  # as Falco, which puts no blank behind nothing
    return joined


def _variable(environment: tuple[str, ...], name: str) -> str:
    for item in environment:
        key, _, value = item.partition("=")
        if key == name:
            return value.strip(" ")
    return ""


def _variable_of(process: Process, name: str) -> str:
    """Return a variable; that of a cut environment only if it is in the beginning, and not the last there."""
    try:
        return _variable(process.environment(), name)
    except UnknownValueError:
        if value := _variable(process.image.env[:-1], name):
            return value
        raise


def environment(event: SyscallEvent, arg: Arg) -> str:
    """Return the environment, or one variable."""
    return " ".join(event.proc.environment()) if arg is None else _variable_of(event.proc, str(arg))


def ancestors_environment(event: SyscallEvent, arg: Arg) -> Any:
    """Return the environment of the process or an ancestor, or a variable of the nearest ancestor that has it."""
    if arg is None:
        return (" ".join(event.proc.environment()),)
    if isinstance(arg, int):
        found = ancestor(event.proc, arg) if arg < 1000 else None
        return None if found is None else " ".join(found.environment())
    for _, process in zip(range(_MAX_ENV_DEPTH), event.proc.ancestors(), strict=False):
        if (value := _variable_of(process, arg)) or (LONGER.lenient and process.image.env_cut):
            return value
    return ""


def directory(event: SyscallEvent, _: Arg) -> str | None:
    """Return the working directory, with a slash at the end."""
    cwd = event.cwd
    return cwd if not cwd or cwd.endswith("/") else cwd + "/"


def _since(ns: int, then: int) -> int | None:
    return max(ns - then, 0) if then else None


def age(event: SyscallEvent, _: Arg) -> int | None:
    """Return the time since the process was created."""
    return _since(event.ts, event.start + event.ctx.boot)


def age_of_parent(event: SyscallEvent, _: Arg) -> int | None:
    """Return the time since the parent was created."""
    parent = event.proc.up()
    return None if parent is None or not parent.start else _since(event.ts, parent.start + event.ctx.boot)


def start_of_parent(event: SyscallEvent, _: Arg) -> int | None:
    """Return the time at which the parent was created."""
    parent = event.proc.up()
    return None if parent is None else parent.start + event.ctx.boot if parent.start else 0


def ctime_to_start(event: SyscallEvent, _: Arg) -> int | None:
    """Return the time from the executable's ctime to the exec."""
    image = event.proc.image
    began = (image.exec_ts or event.proc.start) + event.ctx.boot
    return began - image.ctime if image.ctime and began > image.ctime else None


def ctime_to_pidns(event: SyscallEvent, _: Arg) -> int | None:
    """Return the time from the executable's ctime to the start of the pid namespace."""
    image = event.proc.image
    began = image.pidns_start + event.ctx.boot
    return began - image.ctime if image.ctime and image.pidns_start and began > image.ctime else None


def pidns_start(event: SyscallEvent, _: Arg) -> int | None:
    """Return the start of the pid namespace."""
    start = event.proc.image.pidns_start
    return start + event.ctx.boot if start else None


def entered_with(event: SyscallEvent, _: Arg) -> tuple[str, ...] | None:
    """Return the arguments of the process or ancestor that came into its pid namespace from outside.

    What a namespace leaves behind is taken over by its init, so only setns(2) puts a process below one outside of it.
    None for descendants of the init, and where a process between is not known.
    """
    inside = event.proc.image.pidns_start
    for process in (event.proc, *event.proc.ancestors()):
        if process.image.pidns_start != inside:
            return None
        if process.image.exe_flags & EXE_ENTERED:
            return _arguments(process)
    return None


def _arguments(process: Process) -> tuple[str, ...]:
    try:
        return process.argv()
    except UnknownValueError:
        return process.image.argv


def is_falcohost(event: SyscallEvent, _: Arg) -> bool:
    """Return whether the process runs falcohost as it is installed for this one; a recorded event says so itself."""
    if (told := getattr(event, "by_falcohost", None)) is not None:
        return bool(told)
    own, process, image = own_program(), event.proc, event.proc.image
    if own is None or (image.exepath, image.ino, image.mtime) != (own.interpreter, own.inode, own.written):
        return False
    if image.ctime - own.changed not in (0, _QUERIED):
        return False
    try:
        return own.is_started_by(process.argv(), process.environment())
    except UnknownValueError:
        return False


def login_shell(event: SyscallEvent, _: Arg) -> int | None:
    """Return the pid of the oldest ancestor, or of the process itself, whose name ends in sh."""
    found: int | None = event.proc.pid if event.proc.comm.endswith("sh") else None
    for process in event.proc.ancestors():
        if process.comm.endswith("sh"):
            found = process.pid
    return found


def _leader(event: SyscallEvent, place: int, host_place: int) -> Process | None:
    """Return the leader of a session or group: by its id on the host, else the oldest consecutive ancestor in it."""
    process = event.proc
    number = process.session[host_place]
    if number < 0:  # an old capture has the process group as of the process's own pid namespace only
        number = process.session[place]
        if number < 0 or process.vpid != process.pid:
            return None
    leader = event.ctx.table.by_number(number)
    if number == process.pid and (leader is None or leader.start != process.start):
        return process  # which the table has forgotten, if this is its end
    if leader is not None:
        return leader
    for above in process.ancestors():
        if above.session[place] != process.session[place]:
            break
        leader = above
    return leader


def of_leader(place: int, host_place: int, of: Of) -> Get:
    """Return the getter for something of the leader of a session or group."""

    def get(event: SyscallEvent, _: Arg) -> Any:
        leader = _leader(event, place, host_place)
        return "" if leader is None else of(leader)

    return get
