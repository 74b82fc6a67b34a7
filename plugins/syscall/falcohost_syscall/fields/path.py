"""Fields of the paths that a call works on (``fs.path.*``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from falcohost import Arg, FieldType
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.facts import paths
from falcohost_syscall.facts.kinds import Describe, Fact, constant
from falcohost_syscall.fields.field import Get, SyscallField
from falcohost_syscall.parameters.paths import OPENS


class Path(NamedTuple):
    """A path of a call: its getter, and what the kernel knows of it if the call succeeded."""

    read: Callable[[SyscallEvent], str | None]
    fact: paths.OfPath


#: By event type: the full path, and the path as passed.
Table: TypeAlias = dict[str, tuple[Path, Path]]

_FIRST: Final = Path(lambda event: event.abspath, paths.first)
_SECOND: Final = Path(lambda event: event.abspath2, paths.second)
_PASSED: Final = Path(lambda event: event.path, paths.passed)
_PASSED2: Final = Path(lambda event: event.path2, paths.passed2)
_OF_DESCRIPTOR: Final = Path(lambda event: event.file_name, paths.of_descriptor)
_OPENED: Final = Path(lambda event: event.file_name or event.abspath, paths.opened)
_STRING: Final = Path(lambda event: event.string, paths.string)

_ONE = """unlink unlinkat mkdir mkdirat rmdir chown lchown chmod fchmodat fchmodat2 fchownat umount umount2 truncate"""
# A link's source is its new name, as in Falco.
_NAMES: Table = dict.fromkeys(_ONE.split(), (_FIRST, _PASSED))
_NAMES |= dict.fromkeys(OPENS, (_OPENED, _PASSED))
_NAMES |= dict.fromkeys(("fchmod", "fchown"), (_OF_DESCRIPTOR, _OF_DESCRIPTOR))
_ATTRIBUTES = "setxattr lsetxattr setxattrat removexattr lremovexattr removexattrat"
_NAMES |= dict.fromkeys(_ATTRIBUTES.split(), (_FIRST, _PASSED))
_NAMES |= dict.fromkeys(("fsetxattr", "fremovexattr"), (_OF_DESCRIPTOR, _OF_DESCRIPTOR))
_NAMES |= {"quotactl": (_STRING, _STRING)}
_RENAMES: Table = dict.fromkeys(("rename", "renameat", "renameat2"), (_FIRST, _PASSED))
_RENAMED: Table = dict.fromkeys(_RENAMES, (_SECOND, _PASSED2))
_LINKS = ("link", "linkat")
_SYMLINKS = ("symlink", "symlinkat")
_SOURCES = _RENAMES | dict.fromkeys(_LINKS, (_SECOND, _PASSED2)) | dict.fromkeys(_SYMLINKS, (_FIRST, _PASSED))
_SOURCES |= {"mount": (_STRING, _STRING)}
_TARGETS = _RENAMED | dict.fromkeys(_LINKS, (_FIRST, _PASSED)) | dict.fromkeys(_SYMLINKS, (_STRING, _STRING))
_TARGETS |= {"mount": (_FIRST, _PASSED), "move_mount": (_FIRST, _PASSED)}


def _worked(event: SyscallEvent) -> bool:
    returned = event.ret
    # Falco tests an open by "fd is not -1", so any error but EPERM passes.
    return bool(returned != -1 if event.type in OPENS else returned == 0)


def _getter(table: Table, raw: bool) -> Get:
    def get(event: SyscallEvent, _: Arg) -> str | None:
        found = table.get(event.type)
        return found[raw].read(event) if found is not None and _worked(event) else None

    return get


def _fact(table: Table, raw: bool) -> Describe:
    def describe(row: Call, _: Arg) -> Fact:
        return table[row.name][raw].fact(row) if row.name in table else constant(None)

    return describe


def _pair(name: str, what: str, table: Table) -> tuple[SyscallField, SyscallField]:
    return (
        SyscallField(
            name=f"fs.path.{name}",
            type=FieldType.CHARBUF,
            description=f"{what}, absolute and without . and ..; for calls that succeeded.",
            get=_getter(table, False),
            fact=_fact(table, False),
            names_file=name == "name",
        ),
        SyscallField(
            name=f"fs.path.{name}raw",
            type=FieldType.CHARBUF,
            description=f"{what}, as passed; for calls that succeeded.",
            get=_getter(table, True),
            fact=_fact(table, True),
        ),
    )


FIELDS: tuple[SyscallField, ...] = (
    *_pair("name", "Path that the call works on", _NAMES),
    *_pair("source", "Path that is renamed, linked (the new name, as in Falco) or mounted", _SOURCES),
    *_pair("target", "Path that it is renamed, linked (the old name, as in Falco) or mounted to", _TARGETS),
)
