"""Fields of the process and its ancestors (``proc.*``)."""

from __future__ import annotations

from collections.abc import Iterator

from falcohost import ArgKind, Compare, FieldType
from falcohost_syscall.facts import environment, header, processes
from falcohost_syscall.fields import of_process
from falcohost_syscall.fields.field import Need, SyscallField, row
from falcohost_syscall.records.record import EXE_FROM_MEMFD, EXE_LOWER_LAYER, EXE_UPPER_LAYER, EXE_WRITABLE

T = FieldType

SID, PGID, VSID, VPGID, TTY = range(5)

_GROUPS = "process groups and sessions are kept outside of the kernel's programs"
_EXE, _EXEPATH, _ARGS, _CMDLINE = map(processes.text, ("exe", "exepath", "args", "cmdline"))


_TEXTS: tuple[SyscallField, ...] = (
    row(
        "proc.exe",
        T.CHARBUF,
        "Zeroth argument, as passed by the process that started it.",
        of_process.own(of_process.exe),
        processes.of(_EXE, 0),
    ),
    row("proc.pexe", T.CHARBUF, "proc.exe of the parent.", of_process.of_parent(of_process.exe), processes.of(_EXE, 1)),
    SyscallField(
        name="proc.exepath",
        type=T.CHARBUF,
        description="Path of the executable, from the kernel.",
        get=of_process.own(of_process.exepath),
        fact=processes.of(_EXEPATH, 0),
        names_file=True,
    ),
    row(
        "proc.pexepath",
        T.CHARBUF,
        "proc.exepath of the parent.",
        of_process.of_parent(of_process.exepath),
        processes.of(_EXEPATH, 1),
    ),
    row(
        "proc.name",
        T.CHARBUF,
        "Name of the program (at most 15 characters), taken from the main thread when it started.",
        of_process.own(of_process.comm),
        processes.of(processes.name, 0),
    ),
    row(
        "proc.pname",
        T.CHARBUF,
        "proc.name of the parent.",
        of_process.of_parent(of_process.comm),
        processes.of(processes.name, 1),
    ),
    row(
        "proc.cmdline", T.CHARBUF, "Name and arguments.", of_process.own(of_process.cmdline), processes.of(_CMDLINE, 0)
    ),
    row(
        "proc.pcmdline",
        T.CHARBUF,
        "proc.cmdline of the parent.",
        of_process.of_parent(of_process.cmdline),
        processes.of(_CMDLINE, 1),
    ),
    row("proc.exeline", T.CHARBUF, "proc.exe and arguments.", of_process.own(of_process.exeline)),
    row(
        "proc.cmdnargs",
        T.UINT64,
        "Number of arguments after the zeroth.",
        of_process.own(lambda p: max(len(p.argv()) - 1, 0)),
    ),
    row(
        "proc.cmdlenargs",
        T.UINT64,
        "Characters in the arguments after the zeroth, without the blanks between them.",
        of_process.own(lambda p: sum(map(len, p.argv()[1:]))),
    ),
    row(
        "proc.cwd",
        T.CHARBUF,
        "Working directory, with a slash at the end.",
        of_process.directory,
        None,
        Need.DIRECTORIES,
        untold="working directories are kept outside of the kernel's programs",
    ),
)

_NUMBERS: tuple[SyscallField, ...] = (
    row(
        "proc.tty",
        T.UINT32,
        "Device number of the controlling terminal; 0 if there is none.",
        of_process.own(lambda p: p.session[TTY]),
        processes.terminal,
        Need.SESSIONS,
    ),
    row("proc.pid", T.INT64, "Process id.", lambda e, _: e.pid, header.number("pid")),
    row("proc.ppid", T.INT64, "Process id of the parent.", of_process.of_parent(lambda p: p.pid), processes.parent_id),
    row(
        "proc.vpid",
        T.INT64,
        "Process id in the process's own pid namespace.",
        lambda e, _: e.vpid if e.vpid >= 0 else None,
        header.number_inside("vpid"),
    ),
    row(
        "proc.pvpid",
        T.INT64,
        "Process id of the parent, in the parent's pid namespace.",
        of_process.of_parent(lambda p: p.vpid),
    ),
    row(
        "proc.sid",
        T.INT64,
        "Session id, in the process's pid namespace.",
        of_process.own(lambda p: p.session[VSID]),
        None,
        Need.SESSIONS,
        untold=_GROUPS,
    ),
    row(
        "proc.pgid",
        T.INT64,
        "Process group id, on the host.",
        of_process.own(lambda p: p.session[PGID]),
        None,
        Need.SESSIONS,
        untold=_GROUPS,
    ),
    row(
        "proc.vpgid",
        T.INT64,
        "Process group id, in the process's pid namespace.",
        of_process.own(lambda p: p.session[VPGID]),
        None,
        Need.SESSIONS,
        untold=_GROUPS,
    ),
    row(
        "proc.is_sid_leader",
        T.BOOL,
        "The process leads its session.",
        of_process.own(lambda p: p.session[VSID] == p.vpid),
        None,
        Need.SESSIONS,
        untold=_GROUPS,
    ),
    row(
        "proc.is_pgid_leader",
        T.BOOL,
        "The process leads its process group.",
        of_process.own(lambda p: p.session[PGID] == p.pid),
        None,
        Need.SESSIONS,
        untold=_GROUPS,
    ),
    row(
        "proc.is_vpgid_leader",
        T.BOOL,
        "The process leads its process group, by the ids in its pid namespace.",
        of_process.own(lambda p: p.session[VPGID] == p.vpid),
        None,
        Need.SESSIONS,
        untold=_GROUPS,
    ),
    row(
        "proc.loginshellid",
        T.INT64,
        "Process id of the oldest ancestor (or the process itself) whose name ends in sh.",
        of_process.login_shell,
    ),
)

_TIMES: tuple[SyscallField, ...] = (
    row("proc.duration", T.RELTIME, "Time since the process was created.", of_process.age, processes.duration),
    row("proc.ppid.duration", T.RELTIME, "Time since the parent was created.", of_process.age_of_parent),
    row("proc.pid.ts", T.ABSTIME, "Time at which the process was created.", lambda e, _: e.start + e.ctx.boot or None),
    row("proc.ppid.ts", T.ABSTIME, "Time at which the parent was created.", of_process.start_of_parent),
)

_EXECUTABLE: tuple[SyscallField, ...] = (
    row(
        "proc.is_exe_writable",
        T.BOOL,
        "The process may write to its own executable.",
        of_process.own(lambda p: p.image.writable),
        processes.executable(EXE_WRITABLE),
    ),
    row(
        "proc.is_exe_upper_layer",
        T.BOOL,
        "The executable is in the upper layer of an overlay file system: it was not in the image.",
        of_process.own(lambda p: p.image.upper_layer),
        processes.executable(EXE_UPPER_LAYER),
    ),
    row(
        "proc.is_exe_lower_layer",
        T.BOOL,
        "The executable is in a lower layer of an overlay file system.",
        of_process.own(lambda p: p.image.lower_layer),
        processes.executable(EXE_LOWER_LAYER),
    ),
    row(
        "proc.is_exe_from_memfd",
        T.BOOL,
        "The executable is a memfd: it is in no file system.",
        of_process.own(lambda p: p.image.from_memfd),
        processes.executable(EXE_FROM_MEMFD),
    ),
    row(
        "proc.is_exe_from_tmpfs",
        T.BOOL,
        "The executable is in a file system that is kept in memory (tmpfs, ramfs, devtmpfs) and mounted in an unusual "
        "place: false for memfds, for what is mounted as /tmp, /var/tmp or /run, and for the root directory of the "
        "machine's first process, as on machines without disks. Absent in captures and with kmod and ebpf.",
        of_process.own(lambda p: p.image.from_tmpfs),
        processes.from_tmpfs,
    ),
    row(
        "proc.is_falcohost",
        T.BOOL,
        "The process is falcohost, as it is installed for this agent: the same Python, by path and inode, runs the "
        "same script, and its environment leads it to no other code. False if other users could change these files.",
        of_process.is_falcohost,
        None,
        Need.ENVIRONMENTS,
    ),
    SyscallField(
        name="proc.entered_with",
        type=T.CHARBUF,
        description="Arguments, including the zeroth, with which the process or an ancestor was started from outside "
        "of its pid namespace, as by docker exec; absent for what the namespace's own init has started.",
        get=of_process.entered_with,
        needs=frozenset({Need.ARGUMENTS}),
        is_list=True,
        no_rhs=True,
    ),
    row("proc.exe_ino", T.INT64, "Inode of the executable.", of_process.own(lambda p: p.image.ino or None)),
    row(
        "proc.exe_ino.ctime",
        T.ABSTIME,
        "Last change of the executable's inode.",
        of_process.own(lambda p: p.image.ctime or None),
    ),
    row(
        "proc.exe_ino.mtime",
        T.ABSTIME,
        "Last write to the executable.",
        of_process.own(lambda p: p.image.mtime or None),
    ),
    row(
        "proc.exe_ino.ctime_duration_proc_start",
        T.ABSTIME,
        "Time from the executable's ctime to the exec.",
        of_process.ctime_to_start,
    ),
    row(
        "proc.exe_ino.ctime_duration_pidns_start",
        T.ABSTIME,
        "Time from the executable's ctime to the start of the pid namespace.",
        of_process.ctime_to_pidns,
    ),
    row(
        "proc.pidns_init_start_ts",
        T.UINT64,
        "Start of the pid namespace (nanoseconds since the epoch).",
        of_process.pidns_start,
    ),
)


def _leaders() -> Iterator[SyscallField]:
    groups = (
        ("sid", VSID, SID, "session"),
        ("vpgid", VPGID, PGID, "process group"),
        ("pgid", PGID, PGID, "process group"),
    )
    for group, place, host_place, what in groups:
        for part, of in (("name", of_process.comm), ("exe", of_process.exe), ("exepath", of_process.exepath)):
            name = "proc.sname" if (group, part) == ("sid", "name") else f"proc.{group}.{part}"
            yield SyscallField(
                name=name,
                type=T.CHARBUF,
                description=f"proc.{part} of the leader of its {what}.",
                get=of_process.of_leader(place, host_place, of),
                untold=_GROUPS if name == "proc.sname" else None,
                needs=frozenset({Need.SESSIONS}),
            )


def _ancestral() -> Iterator[SyscallField]:
    rows: tuple[tuple[str, FieldType, str, of_process.Of, processes.OfGeneration], ...] = (
        ("proc.aname", T.CHARBUF, "proc.name", of_process.comm, processes.name),
        ("proc.aexe", T.CHARBUF, "proc.exe", of_process.exe, _EXE),
        ("proc.aexepath", T.CHARBUF, "proc.exepath", of_process.exepath, _EXEPATH),
        ("proc.acmdline", T.CHARBUF, "proc.cmdline", of_process.cmdline, _CMDLINE),
        ("proc.apid", T.INT64, "proc.pid", lambda p: p.pid, processes.number),
    )
    for name, kind, what, of, fact in rows:
        yield SyscallField(
            name=name,
            type=kind,
            description=f"{what} of an ancestor: [0] is the process itself, [1] its parent; no index: any ancestor.",
            get=of_process.of_ancestors(of),
            fact=processes.of_ancestor(fact),
            # As in Falco: for numbers, an output shows the process's own.
            shown=(lambda event, _: event.proc.pid) if kind is T.INT64 else of_process.shown_ancestors(of),
            arg=ArgKind.INDEX,
            compare=Compare.ANY_OF,
            no_rhs=True,
            no_transform=True,
        )


#: They read arguments or environments, of which only the beginning may be known.
_MAY_BE_CUT = frozenset(
    (
        *("proc.exe", "proc.pexe", "proc.aexe", "proc.sid.exe", "proc.pgid.exe", "proc.vpgid.exe"),
        *("proc.cmdline", "proc.pcmdline", "proc.acmdline", "proc.exeline", "proc.cmdnargs", "proc.cmdlenargs"),
        *("proc.args", "proc.aargs", "proc.env", "proc.aenv"),
    )
)

_ROWS: tuple[SyscallField, ...] = (
    *_TEXTS,
    *_NUMBERS,
    *_TIMES,
    *_EXECUTABLE,
    *_leaders(),
    *_ancestral(),
    SyscallField(
        name="proc.args",
        type=T.CHARBUF,
        description="Arguments after the zeroth; [n]: one of them, counted from 0.",
        get=of_process.argument,
        fact=processes.of(_ARGS, 0),
        arg=ArgKind.INDEX,
    ),
    SyscallField(
        name="proc.aargs",
        type=T.CHARBUF,
        description="proc.args of an ancestor ([1] is the parent), or of all ancestors, joined.",
        get=of_process.ancestors_arguments,
        fact=processes.one_of_arguments,
        arg=ArgKind.INDEX,
    ),
    SyscallField(
        name="proc.env",
        type=T.CHARBUF,
        description="Environment with which the program was started; [NAME]: one variable.",
        get=of_process.environment,
        fact=environment.own,
        needs=frozenset({Need.ENVIRONMENTS}),
        arg=ArgKind.KEY,
    ),
    SyscallField(
        name="proc.aenv",
        type=T.CHARBUF,
        description="Environment of an ancestor ([1] is the parent); [NAME]: one variable, of the nearest ancestor.",
        get=of_process.ancestors_environment,
        needs=frozenset({Need.ENVIRONMENTS}),
        arg=ArgKind.ANY,
        compare=Compare.ANY_OF,
        no_rhs=True,
        no_transform=True,
    ),
)

FIELDS: tuple[SyscallField, ...] = tuple(
    of_process.may_be_cut(field) if field.name in _MAY_BE_CUT else field for field in _ROWS
)
