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
        *("proc.entered_with", "proc.is_falcohost", "proc.tid", "user.gid", "user.group"),
    )
)

_NAMES: Final = (
    "A file may have several names, and a rule fires under each; falcohost.names: requested leaves Falco's alone. "
    "Calls on a descriptor know its real name, not the one that was passed when it was opened."
)
_NOW: Final = "As it is at the event; Falco has it as it was at the latest fork, exec, brk, mmap or munmap."
_AT_EXEC: Final = "As it is at the event; Falco has it as it was at the latest fork or exec."
_OF_PAIRS: Final = "Of pipe, pipe2 and socketpair the first of both descriptors; Falco takes the call's result for it."
_UNASKED: Final = (
    "Absent for a datagram of an unconnected socket whose sender the caller did not ask for; Falco shows 0.0.0.0."
)
_PEER: Final = "The end that the kernel knows of a connected socket, whatever the caller's memory says. " + _UNASKED

#: By the name of a field how it differs.
DIFFERS: Final[dict[str, str]] = {
    "fd.name": f"{_NAMES} AF_UNIX sockets have pseudonyms instead of addresses of kernel memory.",
    **dict.fromkeys(("fd.directory", "fd.filename", "fd.containername", "fd.containerdirectory"), _NAMES),
    **dict.fromkeys(("fs.path.name", "fs.path.source", "fs.path.target", "evt.abspath"), _NAMES),
    **dict.fromkeys(("proc.exepath", "proc.pexepath", "proc.aexepath"), "A program may have several names, as a file."),
    "fd.nameraw": "Only of calls that open: later ones do not know what was passed then.",
    "fd.num": _OF_PAIRS,
    "fd.uid": _OF_PAIRS,
    "fd.types": "Of the first 4,096 descriptors.",
    **dict.fromkeys(("fd.rip", "fd.rport", "fd.cip", "fd.cport", "fd.ip", "fd.port", "fd.rnet", "fd.cnet"), _PEER),
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
    "proc.ppid.duration": "Absent if the parent's start is not known; Falco then shows the number of descriptors.",
    "evt.num": "Counts the events that pass the filters, not all.",
    **dict.fromkeys(
        ("evt.reltime", "evt.reltime.s", "evt.reltime.ns"), "Since the first event that passed the filters."
    ),
    "evt.deltatime": "Since the previous event for which the field was read; Falco keeps one time for each check.",
    "evt.deltatime.s": "As evt.deltatime.",
    "evt.deltatime.ns": "As evt.deltatime.",
    "evt.args": "Some calls have more parameters than Falco's; see the differences of events in the plugin's README.",
    "evt.info": "As evt.args.",
    "evt.rawarg": "Outputs show the values of all types; Falco ends at that of an error.",
    "evt.res": "fchmodat2, preadv2, pwritev2, getsockname and getpeername have one, too.",
    "evt.rawres": "As evt.res.",
    "evt.failed": "As evt.res.",
}


def compared(fields: Iterable[SyscallField]) -> tuple[SyscallField, ...]:
    """Return *fields*, each with how it compares."""
    return tuple(
        replace(field, differs=DIFFERS.get(field.name, ""), own=field.name in OWN)
        if field.name in DIFFERS or field.name in OWN
        else field
        for field in fields
    )
