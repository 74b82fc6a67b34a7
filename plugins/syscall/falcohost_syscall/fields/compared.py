"""Says of each field how it compares with Falco's of the same name: what differs, and which are falcohost's own.

Fields of which nothing is said here have Falco's meaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from falcohost_syscall.fields.field import SyscallField

#: Fields that Falco 0.44 does not have.
OWN: Final = frozenset(
    (
        *("evt.agent_part", "evt.is_cut", "evt.is_io_uring", "evt.is_rewritten", "evt.is_uncompared"),
        *("fd.name.host", "fd.name.real", "fd.name.requested", "fd.name.watched"),
        *("proc.entered_with", "proc.is_exe_from_tmpfs", "proc.is_falcohost", "proc.tid", "user.gid", "user.group"),
    )
)

_NAMES: Final = (
    "A file may have several names, and a rule fires under each; falcohost.names: requested leaves Falco's alone. "
    "Calls on a descriptor know its real name, not the one that was passed when it was opened."
)
_NOW: Final = "As it is at the event; Falco has it as it was at the latest fork, exec, brk, mmap or munmap."
_AT_EXEC: Final = "As it is at the event; Falco has it as it was at the latest fork or exec."
_MADE: Final = (
    "Of pipe, pipe2 and socketpair the first of both descriptors, of fcntl the one that was copied; "
    "Falco takes the call's result for it."
)
_UNASKED: Final = (
    "Absent for a datagram of an unconnected socket whose sender the caller did not ask for; Falco shows 0.0.0.0."
)
_ROLE: Final = (
    "Where rules ask for neither connect nor accept, of UDP the end with the port below 32768 serves, else the other "
    "end; so it is with TCP if the listener's backlog is 0."
)
_KNOWN: Final = "Known of every socket, also after a bind, a listen and a failed connect; Falco shows none then. "
_PEER: Final = (
    f"The end that the kernel knows of a connected socket, whatever the caller's memory says. {_KNOWN}{_UNASKED}"
)
_OWN_END: Final = (
    f"{_KNOWN}Of a connection within the machine it is the caller's end and the other one; "
    "Falco takes the client's for the caller's."
)
_NO_FILE: Final = "False where there is no descriptor, as after a failed open; absent in Falco."
_SERVES: Final = (
    "Whether this end serves. In Falco it is also true of a client of this machine, and false of a listening socket. "
    + f"{_ROLE} {_NO_FILE}"
)
_ALSO_OTHERS: Final = (
    "Also of sockets, pipes and the like, of which Falco shows 0. A call that opens below a folder's descriptor has "
    "its file's, and one that only names a path below it has none; in Falco both have the folder's."
)
_ALL_ABOVE: Final = "Without an index, all ancestors up to init count; Falco may leave out the oldest."
_NOT_FOLLOWED: Final = "As it is at the event; Falco does not see all changes, such as those by setpgid."
_STREAM: Final = "Pipes and the like have the kernel's name (pipe:[1234]) also if they were made after the start."
_PIDNS: Final = "Known to the nanosecond also of the machine's own namespace; Falco has whole seconds there, or none."
_SHORT: Final = "As the file system has it; on newer kernels Falco shows other times for some files."
_WRITTEN: Final = "preadv2 and pwritev2 count, copy_file_range does not; in Falco it is the other way round."

#: By the name of a field how it differs.
DIFFERS: Final[dict[str, str]] = {
    "fd.name": f"{_NAMES} AF_UNIX sockets have pseudonyms instead of addresses of kernel memory. "
    "A bound socket has the port that the kernel gave it; pipes and the like have the kernel's name, in Falco none.",
    **dict.fromkeys(("fd.directory", "fd.filename", "fd.containername", "fd.containerdirectory"), _NAMES),
    **dict.fromkeys(("fs.path.name", "fs.path.source", "evt.abspath"), _NAMES),
    "fs.path.target": f"{_NAMES} The target of a symbolic link is as it was passed; in Falco it is made absolute.",
    **dict.fromkeys(("proc.exepath", "proc.pexepath"), "A program may have several names, as a file."),
    "proc.aexepath": f"A program may have several names, as a file. {_ALL_ABOVE}",
    **dict.fromkeys(("proc.aname", "proc.aexe", "proc.acmdline", "proc.aargs"), _ALL_ABOVE),
    "fd.nameraw": "Only of calls that open: later ones do not know what was passed then. In captures, they do.",
    "fd.num": _MADE,
    "fd.uid": _MADE,
    "fd.type": "A directory is one, however it is opened; Falco calls it a file if O_DIRECTORY was not passed.",
    "fd.typechar": "As fd.type.",
    "fd.types": "Of the first 4,096 descriptors. As fd.type.",
    **dict.fromkeys(("fd.rip", "fd.ip", "fd.port", "fd.rnet", "fd.net"), _PEER),
    "fd.rport": f"{_PEER} {_OWN_END}",
    **dict.fromkeys(("fd.cip", "fd.cport", "fd.cnet"), f"{_PEER} {_ROLE}"),
    **dict.fromkeys(("fd.cproto", "fd.proto"), "As the port."),
    "fd.rproto": "As fd.rport.",
    **dict.fromkeys(("fd.lip", "fd.lport", "fd.lnet"), _OWN_END),
    "fd.lproto": "As fd.lport.",
    **dict.fromkeys(("fd.sip", "fd.sport", "fd.snet"), f"{_KNOWN}{_ROLE}"),
    "fd.l4proto": _KNOWN.strip(),
    "fd.sproto": "As fd.sport.",
    "fd.connected": f"Also true of sockets of AF_UNIX, and false again after a shutdown. {_NO_FILE}",
    "fd.name_changed": "False after a bind and an open; true after a connect that changes where datagrams go.",
    "fd.is_server": _SERVES,
    "evt.hostname": "In a replay, the name of the captured machine; Falco 0.44 shows none.",
    **dict.fromkeys(("fd.is_upper_layer", "fd.is_lower_layer"), _NO_FILE),
    **dict.fromkeys(("fd.dev", "fd.dev.major", "fd.dev.minor", "fd.ino"), _ALSO_OTHERS),
    **dict.fromkeys(
        ("fdlist.names", "fdlist.cips", "fdlist.sips", "fdlist.cports", "fdlist.sports"),
        "As fd.name, fd.cip and others.",
    ),
    **dict.fromkeys(("proc.stdin.name", "proc.stdout.name", "proc.stderr.name"), _STREAM),
    "proc.name": "Of a thread that of its process, as of the latest fork or exec; in Falco that with which it began.",
    "proc.cmdline": "As proc.name, with which it begins.",
    "proc.vmsize": _NOW,
    "proc.vmrss": _NOW,
    "proc.vmswap": _NOW,
    "thread.vmsize": _NOW,
    "thread.vmrss": _NOW,
    "thread.pfmajor": _AT_EXEC,
    "thread.pfminor": _AT_EXEC,
    "proc.fdlimit": _AT_EXEC,
    "proc.fdopencount": "As the kernel counts them; Falco counts those that it has seen.",
    "proc.fdusage": "As the kernel counts them; Falco counts those that it has seen.",
    **dict.fromkeys(
        ("proc.pgid", "proc.pgid.name", "proc.pgid.exe", "proc.pgid.exepath", "proc.is_pgid_leader"), _NOT_FOLLOWED
    ),
    **dict.fromkeys(
        ("proc.vpgid", "proc.vpgid.name", "proc.vpgid.exe", "proc.vpgid.exepath", "proc.is_vpgid_leader"), _NOT_FOLLOWED
    ),
    "proc.nthreads": "At its end a process has one; in Falco none.",
    "proc.ppid.duration": "Absent if the parent's start is not known; Falco then shows the number of descriptors.",
    **dict.fromkeys(("proc.pidns_init_start_ts", "proc.exe_ino.ctime_duration_pidns_start"), _PIDNS),
    **dict.fromkeys(("proc.exe_ino.ctime", "proc.exe_ino.mtime", "proc.exe_ino.ctime_duration_proc_start"), _SHORT),
    "thread.cap_effective": "As it is at the event; Falco has it as it was at the latest fork, exec or capset.",
    "thread.cgroup": "Cgroups at the root of their hierarchy are left out.",
    "thread.cgroups": "Cgroups at the root of their hierarchy are left out. A blank in a name is `\\x20`; "
    "a path of 64 levels or more begins with `...`, since what is above is left out.",
    **dict.fromkeys(
        ("user.name", "user.homedir", "user.shell", "user.loginname", "group.name"),
        "The machine's name services (NSS) are not asked; their users may stand in /etc/falcohost/passwd. "
        "In containers, number 0 is root whatever the container's files say.",
    ),
    "evt.num": "Counts the events that pass the filters, not all.",
    **dict.fromkeys(
        ("evt.reltime", "evt.reltime.s", "evt.reltime.ns"),
        "Since the first event that passed the filters; in a replay, since the first of a call, as in Falco.",
    ),
    "evt.deltatime": "Since the previous event for which the field was read; Falco keeps one time for each check.",
    "evt.deltatime.s": "As evt.deltatime.",
    "evt.deltatime.ns": "As evt.deltatime.",
    "evt.args": "Some calls have more parameters than Falco's; see the differences of events in the plugin's README.",
    "evt.arg": "As evt.args.",
    "evt.info": "As evt.args.",
    "evt.rawarg": "Outputs show the values of all types; Falco ends at that of an error.",
    "evt.res": "fchmodat2, preadv2, pwritev2, getsockname and getpeername have one, too.",
    "evt.rawres": "As evt.res.",
    "evt.failed": "As evt.res.",
    "evt.count.error": "As evt.res.",
    **dict.fromkeys(
        ("evt.count.error.file", "evt.count.error.net", "evt.count.error.other"),
        "As evt.res. The folder below whose descriptor a path is does not count.",
    ),
    "evt.buffer": "Absent if nothing was read; Falco shows what an earlier event had.",
    "evt.buflen": "Only of calls that read or write; in Falco also of others on a descriptor, whatever they return.",
    "evt.outputtime": "In JSON a text, in Falco a number of nanoseconds.",
    "evt.category": "fchmodat2, preadv2 and pwritev2 have that of what they do.",
    **dict.fromkeys(("evt.is_io", "evt.is_io_read", "evt.is_io_write", "evt.io_dir"), _WRITTEN),
    "evt.is_open_create": "False where no file was made; in Falco also true of each directory that was opened as one.",
}


def compared(fields: Iterable[SyscallField]) -> tuple[SyscallField, ...]:
    """Return *fields*, each with how it compares."""
    return tuple(
        replace(field, differs=DIFFERS.get(field.name, ""), own=field.name in OWN)
        if field.name in DIFFERS or field.name in OWN
        else field
        for field in fields
    )
