"""Fields of the process and its ancestors (``proc.*``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from falcohost import Arg, ArgKind, Compare, Field, FieldType
from falcohost_syscall.events.event import PID, START, VPID, SyscallEvent
from falcohost_syscall.processes.table import Process

T = FieldType
Get = Callable[[SyscallEvent, Arg], Any]
Of = Callable[[Process], Any]

_MAX_ENV_DEPTH = 20


def comm(process: Process) -> str:
    """Return the name of a process's main thread."""
    return process.comm


def exe(process: Process) -> str:
    """Return the zeroth argument."""
    argv = process.image.argv
    return argv[0] if argv else ""


def exepath(process: Process) -> str:
    """Return the path of the executable."""
    return process.image.exepath


def args(process: Process) -> str:
    """Return the arguments behind the zeroth."""
    return " ".join(process.image.argv[1:])


def cmdline(process: Process) -> str:
    """Return name and arguments."""
    argv = process.image.argv
    return f"{process.comm} {' '.join(argv[1:])}" if len(argv) > 1 else process.comm


def exeline(process: Process) -> str:
    """Return the zeroth argument and the others."""
    return f"{exe(process)} {args(process)}"


def _own(of: Of) -> Get:
    return lambda event, _: of(event.proc)


def _parent(of: Of) -> Get:
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


def _ancestors(of: Of) -> Get:
    def get(event: SyscallEvent, arg: Arg) -> Any:
        if isinstance(arg, int):
            found = ancestor(event.proc, arg) if arg < 1000 else None
            return None if found is None else of(found)
        return tuple(of(process) for process in event.proc.ancestors()) or None

    return get


def _args(event: SyscallEvent, arg: Arg) -> str:
    if isinstance(arg, int):
        argv = event.proc.image.argv
        return argv[arg + 1] if arg + 1 < len(argv) else ""
    return args(event.proc)


def _aargs(event: SyscallEvent, arg: Arg) -> str | None:
    if isinstance(arg, int):
        found = ancestor(event.proc, arg) if arg < 1000 else None
        return None if found is None else args(found)
    return "".join(args(process) for process in event.proc.ancestors())


def _variable(environment: tuple[str, ...], name: str) -> str:
    for item in environment:
        key, _, value = item.partition("=")
        if key == name:
            return value.strip(" ")
    return ""


def _env(event: SyscallEvent, arg: Arg) -> str:
    environment = event.proc.environment()
    return " ".join(environment) if arg is None else _variable(environment, str(arg))


def _aenv(event: SyscallEvent, arg: Arg) -> Any:
    if arg is None:
        return (" ".join(event.proc.environment()),)
    if isinstance(arg, int):
        found = ancestor(event.proc, arg) if arg < 1000 else None
        return None if found is None else " ".join(found.environment())
    for _, process in zip(range(_MAX_ENV_DEPTH), event.proc.ancestors(), strict=False):
        if value := _variable(process.environment(), arg):
            return value
    return ""


def _cwd(event: SyscallEvent, _: Arg) -> str | None:
    cwd = event.cwd
    return None if cwd is None else cwd if cwd.endswith("/") else cwd + "/"


def _since(ns: int, then: int) -> int | None:
    return max(ns - then, 0) if then else None


def _duration(event: SyscallEvent, _: Arg) -> int | None:
    return _since(event.ts, event.h[START] + event.ctx.boot)


def _parent_duration(event: SyscallEvent, _: Arg) -> int | None:
    parent = event.proc.up()
    return None if parent is None or not parent.start else _since(event.ts, parent.start + event.ctx.boot)


def _parent_ts(event: SyscallEvent, _: Arg) -> int | None:
    parent = event.proc.up()
    return None if parent is None else parent.start + event.ctx.boot if parent.start else 0


def _ctime_to_start(event: SyscallEvent, _: Arg) -> int | None:
    image = event.proc.image
    began = (image.exec_ts or event.proc.start) + event.ctx.boot
    return began - image.ctime if image.ctime and began > image.ctime else None


def _ctime_to_pidns(event: SyscallEvent, _: Arg) -> int | None:
    image = event.proc.image
    began = image.pidns_start + event.ctx.boot
    return began - image.ctime if image.ctime and image.pidns_start and began > image.ctime else None


def _pidns_start(event: SyscallEvent, _: Arg) -> int | None:
    start = event.proc.image.pidns_start
    return start + event.ctx.boot if start else None


def _login_shell(event: SyscallEvent, _: Arg) -> int | None:
    found: int | None = event.proc.pid if event.proc.comm.endswith("sh") else None
    for process in event.proc.ancestors():
        if process.comm.endswith("sh"):
            found = process.pid
    return found


def _leader(event: SyscallEvent, place: int, host_place: int) -> Process | None:
    """Return who leads a session or group: by its id on the host, else the oldest in a row of ancestors in it."""
    process = event.proc
    leader = event.ctx.table.by_number(process.session[host_place])
    if leader is not None:
        return leader
    for above in process.ancestors():
        if above.session[place] != process.session[place]:
            break
        leader = above
    return leader


def _of_leader(place: int, host_place: int, of: Of) -> Get:
    def get(event: SyscallEvent, _: Arg) -> Any:
        leader = _leader(event, place, host_place)
        return "" if leader is None else of(leader)

    return get


SID, PGID, VSID, VPGID, TTY = range(5)


def _plain() -> Iterator[Field]:
    rows: tuple[tuple[str, FieldType, str, Get], ...] = (
        ("proc.exe", T.CHARBUF, "Zeroth argument, as passed by whoever started it.", _own(exe)),
        ("proc.pexe", T.CHARBUF, "proc.exe of the parent.", _parent(exe)),
        ("proc.exepath", T.CHARBUF, "Path of the executable, from the kernel.", _own(exepath)),
        ("proc.pexepath", T.CHARBUF, "proc.exepath of the parent.", _parent(exepath)),
        (
            "proc.name",
            T.CHARBUF,
            "Name of the program (at most 15 characters): of the main thread when it began.",
            _own(comm),
        ),
        ("proc.pname", T.CHARBUF, "proc.name of the parent.", _parent(comm)),
        ("proc.cmdline", T.CHARBUF, "Name and arguments.", _own(cmdline)),
        ("proc.pcmdline", T.CHARBUF, "proc.cmdline of the parent.", _parent(cmdline)),
        ("proc.exeline", T.CHARBUF, "proc.exe and arguments.", _own(exeline)),
        (
            "proc.cmdnargs",
            T.UINT64,
            "Number of arguments behind the zeroth.",
            _own(lambda p: max(len(p.image.argv) - 1, 0)),
        ),
        (
            "proc.cmdlenargs",
            T.UINT64,
            "Characters in the arguments behind the zeroth, without blanks between.",
            _own(lambda p: sum(map(len, p.image.argv[1:]))),
        ),
        ("proc.cwd", T.CHARBUF, "Working directory, with a slash at its end.", _cwd),
        ("proc.tty", T.UINT32, "Device number of the controlling terminal; 0: none.", _own(lambda p: p.session[TTY])),
        ("proc.pid", T.INT64, "Process id.", lambda e, _: e.h[PID]),
        ("proc.ppid", T.INT64, "Process id of the parent.", _parent(lambda p: p.pid)),
        ("proc.vpid", T.INT64, "Process id in its own pid namespace.", lambda e, _: e.h[VPID]),
        ("proc.pvpid", T.INT64, "Process id of the parent, in the parent's pid namespace.", _parent(lambda p: p.vpid)),
        ("proc.sid", T.INT64, "Session id, in the process's pid namespace.", _own(lambda p: p.session[VSID])),
        ("proc.pgid", T.INT64, "Process group id, on the host.", _own(lambda p: p.session[PGID])),
        ("proc.vpgid", T.INT64, "Process group id, in the process's pid namespace.", _own(lambda p: p.session[VPGID])),
        ("proc.is_sid_leader", T.BOOL, "It leads its session.", _own(lambda p: p.session[VSID] == p.vpid)),
        ("proc.is_pgid_leader", T.BOOL, "It leads its process group.", _own(lambda p: p.session[PGID] == p.pid)),
        ("proc.is_vpgid_leader", T.BOOL, "It leads its process group.", _own(lambda p: p.session[VPGID] == p.vpid)),
        (
            "proc.loginshellid",
            T.INT64,
            "Process id of its oldest ancestor (or itself) whose name ends in sh.",
            _login_shell,
        ),
        ("proc.duration", T.RELTIME, "Time since it was made.", _duration),
        ("proc.ppid.duration", T.RELTIME, "Time since its parent was made.", _parent_duration),
        ("proc.pid.ts", T.ABSTIME, "When it was made.", lambda e, _: e.h[START] + e.ctx.boot),
        ("proc.ppid.ts", T.ABSTIME, "When its parent was made.", _parent_ts),
        ("proc.is_exe_writable", T.BOOL, "It may write to its own executable.", _own(lambda p: p.image.writable)),
        (
            "proc.is_exe_upper_layer",
            T.BOOL,
            "Its executable is in the upper layer of an overlay: it was not in the image.",
            _own(lambda p: p.image.upper_layer),
        ),
        (
            "proc.is_exe_lower_layer",
            T.BOOL,
            "Its executable is in a lower layer of an overlay.",
            _own(lambda p: p.image.lower_layer),
        ),
        (
            "proc.is_exe_from_memfd",
            T.BOOL,
            "Its executable is a memfd: it is in no file system.",
            _own(lambda p: p.image.from_memfd),
        ),
        ("proc.exe_ino", T.INT64, "Inode of the executable.", _own(lambda p: p.image.ino or None)),
        (
            "proc.exe_ino.ctime",
            T.ABSTIME,
            "When the executable's inode was last changed.",
            _own(lambda p: p.image.ctime or None),
        ),
        (
            "proc.exe_ino.mtime",
            T.ABSTIME,
            "When the executable was last written.",
            _own(lambda p: p.image.mtime or None),
        ),
        (
            "proc.exe_ino.ctime_duration_proc_start",
            T.ABSTIME,
            "From the executable's ctime to the exec.",
            _ctime_to_start,
        ),
        (
            "proc.exe_ino.ctime_duration_pidns_start",
            T.ABSTIME,
            "From the executable's ctime to the pid namespace's start.",
            _ctime_to_pidns,
        ),
        (
            "proc.pidns_init_start_ts",
            T.UINT64,
            "When its pid namespace began (nanoseconds since the epoch).",
            _pidns_start,
        ),
    )
    for name, kind, description, get in rows:
        yield Field(name=name, type=kind, description=description, get=get)


def _leaders() -> Iterator[Field]:
    groups = (
        ("sid", VSID, SID, "session"),
        ("vpgid", VPGID, PGID, "process group"),
        ("pgid", PGID, PGID, "process group"),
    )
    for group, place, host_place, what in groups:
        for part, of in (("name", comm), ("exe", exe), ("exepath", exepath)):
            name = "proc.sname" if (group, part) == ("sid", "name") else f"proc.{group}.{part}"
            yield Field(
                name=name,
                type=T.CHARBUF,
                description=f"proc.{part} of the process that leads its {what}.",
                get=_of_leader(place, host_place, of),
            )


def _ancestral() -> Iterator[Field]:
    rows: tuple[tuple[str, FieldType, str, Of], ...] = (
        ("proc.aname", T.CHARBUF, "proc.name", comm),
        ("proc.aexe", T.CHARBUF, "proc.exe", exe),
        ("proc.aexepath", T.CHARBUF, "proc.exepath", exepath),
        ("proc.acmdline", T.CHARBUF, "proc.cmdline", cmdline),
        ("proc.apid", T.INT64, "proc.pid", lambda p: p.pid),
    )
    for name, kind, what, of in rows:
        yield Field(
            name=name,
            type=kind,
            description=f"{what} of an ancestor: [0] the process itself, [1] its parent; without a number, any.",
            get=_ancestors(of),
            # Falco's way: of numbers an output shows the process's own.
            shown=(lambda event, _: event.proc.pid) if kind is T.INT64 else None,
            arg=ArgKind.INDEX,
            compare=Compare.ANY_OF,
            no_rhs=True,
            no_transform=True,
        )


FIELDS: tuple[Field, ...] = (
    *_plain(),
    *_leaders(),
    *_ancestral(),
    Field(
        name="proc.args",
        type=T.CHARBUF,
        description="Arguments behind the zeroth; [n] one of them, from 0.",
        get=_args,
        arg=ArgKind.INDEX,
    ),
    Field(
        name="proc.aargs",
        type=T.CHARBUF,
        description="proc.args of an ancestor ([1] is the parent), or of all, one behind the other.",
        get=_aargs,
        arg=ArgKind.INDEX,
    ),
    Field(
        name="proc.env",
        type=T.CHARBUF,
        description="Environment at the start (first 4096 bytes); [NAME] one variable.",
        get=_env,
        arg=ArgKind.KEY,
    ),
    Field(
        name="proc.aenv",
        type=T.CHARBUF,
        description="Environment of an ancestor ([1] is the parent), or [NAME] as the nearest ancestor has it.",
        get=_aenv,
        arg=ArgKind.ANY,
        compare=Compare.ANY_OF,
        no_rhs=True,
        no_transform=True,
    ),
)
