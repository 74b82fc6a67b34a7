"""What the kernel knows of the names of users and groups: their numbers, as this machine's files have them.

When the files change, whoever loaded the filters makes them anew (:mod:`falcohost_syscall.source`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from falcohost import Arg
from falcohost_syscall.calls.rows import Call, Param
from falcohost_syscall.events.event import UNSET
from falcohost_syscall.facts import layout
from falcohost_syscall.facts.numbers import Shown
from falcohost_syscall.filters.condition import Number
from falcohost_syscall.parameters.texts import NOBODY
from falcohost_syscall.processes.users import NAME, UNKNOWN, Accounts, Users

UID: Final = layout.header("uid", 4)
LOGINUID: Final = layout.header("loginuid", 4)


@dataclass(frozen=True, slots=True)
class OfAccount:
    """A text that follows from a number and from the accounts of this machine."""

    number: Number
    texts: Callable[[Users], Mapping[int, str]]

    def named(self, users: Users) -> Shown:
        """Return the field by the names of *users*."""
        return Shown(self.number, self.texts(users), UNKNOWN)


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
