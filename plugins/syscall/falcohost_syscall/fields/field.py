"""A field of the syscall source: how it is read, what the kernel knows of it, what has to be collected for it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from falcohost import Arg, Field, FieldType
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.facts.kinds import Describe

#: How a field is read.
Get: TypeAlias = Callable[[SyscallEvent, Arg], Any]


class Need(enum.Enum):
    """What fields read that is collected only where rules ask for it."""

    DIRECTORIES = "working directories of processes"
    ENVIRONMENTS = "environments of programs"
    SESSIONS = "sessions, process groups and terminals of processes"
    PARAMETERS = "what a parameter is read from: the one that is the argument, or all"
    DESTINATIONS = "where sockets sent to before"
    ACCOUNTS = "names of users and groups, by which filters ask"
    EVERY_EVENT = "all events of the types that rules ask for"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyscallField(Field):
    """A field of the syscall source.

    :ivar fact: what the kernel knows of it in events of a type, which is exactly what the getter returns for the same
        record; None: the kernel knows nothing of it, and what rules ask of it counts as true in filters.
    :ivar untold: why the kernel knows nothing, for people (``falcohost rules explain``), if there is a reason to tell.
    :ivar needs: what is collected for it.
    :ivar names_file: it is the name of a file that is opened or executed, so that a file that rules name by it can be
        watched by inode.
    """

    fact: Describe | None = None
    untold: str | None = None
    needs: frozenset[Need] = frozenset()
    names_file: bool = False


def row(
    name: str,
    type: FieldType,
    description: str,
    get: Get,
    fact: Describe | None = None,
    *needs: Need,
    untold: str | None = None,
) -> SyscallField:
    """Return a field without an argument."""
    return SyscallField(
        name=name, type=type, description=description, get=get, fact=fact, untold=untold, needs=frozenset(needs)
    )
