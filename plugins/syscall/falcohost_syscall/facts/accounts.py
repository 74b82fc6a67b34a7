"""What the kernel knows of the names of users and groups: their numbers, as this machine's files have them.

When the files change, whoever loaded the filters makes them anew (:mod:`falcohost_syscall.source`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from falcohost import Arg
from falcohost.ir import Check, Exists, predicate
from falcohost_syscall.calls.rows import Call, Param
from falcohost_syscall.events.event import UNSET
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.bounds import Bounds, exactly
from falcohost_syscall.filters.condition import TRUE, Number, negate, within
from falcohost_syscall.parameters.texts import NOBODY
from falcohost_syscall.processes.users import NAME, UNKNOWN, Accounts, Users

UID: Final = layout.header("uid", 4)
LOGINUID: Final = layout.header("loginuid", 4)


@dataclass(frozen=True, slots=True)
class Named:
    """A text that follows from a number; ``<NA>`` where *texts* has none."""

    number: Number
    texts: Mapping[int, str]

    def bounds(self, check: Check | Exists) -> Bounds:
        """Return what *check* says of the field."""
        if isinstance(check, Exists):
            return exactly(TRUE)
        holds = predicate(check)
        others = holds(UNKNOWN)
        differ = sorted(number for number, text in self.texts.items() if holds(text) is not others)
        found = within(self.number, *((number, number) for number in differ))
        return exactly(negate(found) if others else found)


@dataclass(frozen=True, slots=True)
class OfAccount:
    """A text that follows from a number and from the accounts of this machine."""

    number: Number
    texts: Callable[[Users], Mapping[int, str]]

    def named(self, users: Users) -> Named:
        """Return the field by the names of *users*."""
        return Named(self.number, self.texts(users))


def user(number: Number, column: int) -> Callable[[Call, Arg], OfAccount]:
    """Describe a column of the user that has the number; of none there is none."""
    return lambda _, __: OfAccount(number, lambda users: _set(users.users.columns(column)))


def group(_: Call, __: Arg) -> OfAccount:
    """Describe the name of the group."""
    return OfAccount(layout.header("gid", 4), lambda users: _set(users.groups.columns(NAME)))


def _set(texts: Mapping[int, str]) -> Mapping[int, str]:
    return {number: text for number, text in texts.items() if number < UNSET}


def passed(param: Param) -> OfAccount | None:
    """Describe the name of the user or group that was passed; their number where they have none."""
    if not param.source.isdigit():
        return None

    def texts(users: Users) -> Mapping[int, str]:
        accounts = PASSED[param.kind](users)
        return {**{key: text or str(key) for key, text in _set(accounts.columns(NAME)).items()}, UNSET: NOBODY}

    return OfAccount(layout.argument(int(param.source), 4), texts)


#: By the kind of a parameter: the accounts of which it has a number.
PASSED: Final[Mapping[str, Callable[[Users], Accounts]]] = {
    "uid": lambda users: users.users,
    "gid": lambda users: users.groups,
}
