"""Facts about names of users and groups: the kernel knows their numbers, and this machine's files give the names.

When the files change, the filters are compiled anew (:mod:`falcohost_syscall.drivers.modern_ebpf.driver`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

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

#: Root has its name in every container, and nobody else has it.
_ROOT: Final = "root"


class OfAccount(Struct, frozen=True):
    """A text that depends on a number and on the accounts of this machine.

    :ivar inside: what is known of it in containers, whose accounts the kernel does not know: the text of root (empty:
        it may be any), which nobody else has; None: it is as outside.
    """

    number: Number
    texts: Callable[[Users], Mapping[int, str]]
    inside: str | None = None

    def named(self, users: Users) -> Shown:
        """Return the field's fact outside of containers, given the accounts in *users*."""
        return Shown(self.number, tuple(self.texts(users).items()), UNKNOWN)


def user(number: Number, column: int) -> Callable[[Call, Arg], OfAccount]:
    """Describe a column of the account of the user whose id is *number*."""
    return lambda _, __: OfAccount(number, lambda users: _set(users.users.columns(column)))


def own_user(column: int) -> Callable[[Call, Arg], OfAccount]:
    """Describe a column of the account of the event's user, which is in the files of the container if it is in one."""
    inside = _ROOT if column == NAME else ""
    return lambda _, __: OfAccount(UID, lambda users: _set(users.users.columns(column)), inside)


def group(_: Call, __: Arg) -> OfAccount:
    """Describe the name of the event's group."""
    return OfAccount(layout.header("gid", 4), lambda users: _set(users.groups.columns(NAME)), _ROOT)


def _set(texts: Mapping[int, str]) -> Mapping[int, str]:
    return {number: text for number, text in texts.items() if number < UNSET}


def passed(param: Param) -> OfAccount | None:
    """Describe the name of the user or group whose id was passed, or the id itself if it has no name."""
    if not param.source.isdigit():
        return None

    def texts(users: Users) -> Mapping[int, str]:
        accounts = PASSED[param.kind](users)
        return {**{key: text or str(key) for key, text in _set(accounts.columns(NAME)).items()}, UNSET: NOBODY}

    return OfAccount(layout.argument(int(param.source), 4), texts)


#: The accounts that a parameter refers to, by the parameter's kind.
PASSED: Final[Mapping[str, Callable[[Users], Accounts]]] = {
    "uid": lambda users: users.users,
    "gid": lambda users: users.groups,
}
