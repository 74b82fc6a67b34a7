"""The row of a syscall field: its getter, the fact as which the kernel knows it, and what has to be collected."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from falcohost import Arg, Field, FieldType
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.facts.kinds import Describe

#: Returns a field's value, given the event and the field's argument.
Get: TypeAlias = Callable[[SyscallEvent, Arg], Any]


class Need(enum.Enum):
    """Data that fields read and that is collected only if rules ask for it."""

    DIRECTORIES = "working directories of processes"
    ENVIRONMENTS = "environments of programs"
    ARGUMENTS = "arguments of programs that are longer than what the kernel keeps"
    SESSIONS = "sessions, process groups and terminals of processes"
    PARAMETERS = "the data of parameters: of the one that is the field's argument, or of all"
    DESTINATIONS = "the previous destinations of sockets"
    ACCOUNTS = "names of users and groups, for filters"
    RESOURCES = "memory, page faults, threads and descriptors of processes"
    STREAMS = "standard input, output and error of processes"
    FD_TYPES = "the types of all descriptors of processes"
    POLLED = "the descriptors that poll(2) waits for"
    EVERY_EVENT = "every event of the types that rules ask for"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyscallField(Field):
    """A field of the syscall source.

    :ivar fact: returns what the kernel knows of it in events of a type; this has to agree with the getter. None: the
        kernel knows nothing of it, and checks of it count as true in filters.
    :ivar untold: why the kernel knows nothing, for ``falcohost rules explain``; None if there is nothing to explain.
    :ivar needs: the data that has to be collected for it.
    :ivar names_file: it is the name of a file that is opened or executed, so files that rules name with it can be
        watched by inode.
    :ivar differs: how it differs from Falco's field of this name; "" if it does not.
    :ivar own: Falco has no such field.
    """

    fact: Describe | None = None
    untold: str | None = None
    needs: frozenset[Need] = frozenset()
    names_file: bool = False
    differs: str = ""
    own: bool = False


def row(
    name: str,
    type: FieldType,
    description: str,
    get: Get,
    fact: Describe | None = None,
    *needs: Need,
    untold: str | None = None,
) -> SyscallField:
    """Return a field that takes no argument."""
    return SyscallField(
        name=name, type=type, description=description, get=get, fact=fact, untold=untold, needs=frozenset(needs)
    )
