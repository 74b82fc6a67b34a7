"""Fields of the paths that a call works on, made absolute by their text (``fs.path.*``)."""

from __future__ import annotations

from collections.abc import Callable

from falcohost import Arg, Field, FieldType
from falcohost_syscall.events.event import RET, SyscallEvent
from falcohost_syscall.records.record import SEC_STR

Read = Callable[[SyscallEvent], str | None]
#: By event type: how a path is read, made whole and as it was passed.
Table = dict[str, tuple[Read, Read]]


def first(event: SyscallEvent) -> str | None:
    """Return the first path argument, made whole."""
    return event.abspath


def second(event: SyscallEvent) -> str | None:
    """Return the second path argument, made whole."""
    return event.abspath2


def raw(event: SyscallEvent) -> str | None:
    """Return the first path argument as passed."""
    return event.path


def raw2(event: SyscallEvent) -> str | None:
    """Return the second path argument as passed."""
    return event.path2


def of_descriptor(event: SyscallEvent) -> str | None:
    """Return the name of the descriptor's file."""
    return event.file_name


def opened(event: SyscallEvent) -> str | None:
    """Return the name of the file that was opened, or of that which was not."""
    return event.file_name or event.abspath


def string(event: SyscallEvent) -> str | None:
    """Return the further string argument."""
    return event.text_of(SEC_STR)


_ONE = """unlink unlinkat mkdir mkdirat rmdir chown lchown chmod fchmodat fchownat umount umount2 truncate"""
# Event type: name, source, target, each as (absolute, raw). A link's source is its new name, as in Falco.
NAMES: Table = dict.fromkeys(_ONE.split(), (first, raw))
NAMES |= dict.fromkeys(("open", "openat", "openat2"), (opened, raw))
NAMES |= {
    "fchmod": (of_descriptor, of_descriptor),
    "fchown": (of_descriptor, of_descriptor),
    "quotactl": (string, string),
}
_RENAMES: Table = dict.fromkeys(("rename", "renameat", "renameat2"), (first, raw))
_RENAMED: Table = dict.fromkeys(_RENAMES, (second, raw2))
_LINKS = ("link", "linkat")
_SYMLINKS = ("symlink", "symlinkat")
SOURCES = _RENAMES | dict.fromkeys(_LINKS, (second, raw2)) | dict.fromkeys(_SYMLINKS, (first, raw))
SOURCES |= {"mount": (string, string)}
TARGETS = _RENAMED | dict.fromkeys(_LINKS, (first, raw)) | dict.fromkeys(_SYMLINKS, (string, string))
TARGETS |= {"mount": (first, raw)}
OPENS = frozenset({"open", "openat", "openat2"})


def _worked(event: SyscallEvent) -> bool:
    returned = event.h[RET]
    # Falco tests an open by "fd is not -1", so any error but EPERM passes.
    return bool(returned != -1 if event.type in OPENS else returned == 0)


def _getter(table: Table, raw: bool) -> Callable[[SyscallEvent, Arg], str | None]:
    def get(event: SyscallEvent, _: Arg) -> str | None:
        reads = table.get(event.type)
        return reads[raw](event) if reads is not None and _worked(event) else None

    return get


def _pair(name: str, what: str, table: Table) -> tuple[Field, Field]:
    return (
        Field(
            name=f"fs.path.{name}",
            type=FieldType.CHARBUF,
            description=f"{what}, absolute and without . and ..; for calls that succeeded.",
            get=_getter(table, False),
        ),
        Field(
            name=f"fs.path.{name}raw",
            type=FieldType.CHARBUF,
            description=f"{what}, as passed; for calls that succeeded.",
            get=_getter(table, True),
        ),
    )


FIELDS: tuple[Field, ...] = (
    *_pair("name", "Path that the call works on", NAMES),
    *_pair("source", "What is renamed, linked (the new name, as in Falco) or mounted", SOURCES),
    *_pair("target", "Where it is renamed, linked (the old name, as in Falco) or mounted to", TARGETS),
    *(
        Field(
            name=f"fdlist.{name}",
            type=FieldType.CHARBUF,
            description="Descriptors of a poll; absent, as falcohost does not collect poll and ppoll arguments.",
            get=lambda _, __: None,
        )
        for name in ("nums", "names", "cips", "sips", "cports", "sports")
    ),
)
