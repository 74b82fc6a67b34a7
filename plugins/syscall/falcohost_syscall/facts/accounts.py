"""What the kernel knows of the names of users and groups: their numbers, as this machine's files have them.

When the files change, whoever loaded the filters makes them anew (:mod:`falcohost_syscall.source`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from falcohost.ir import Check, Exists, FieldRef, predicate
from falcohost_syscall.calls.rows import Call, Param
from falcohost_syscall.events.event import UNSET
from falcohost_syscall.filters import layout
from falcohost_syscall.filters.bounds import Bounds, exactly
from falcohost_syscall.filters.condition import TRUE, Number, negate, within
from falcohost_syscall.parameters import values
from falcohost_syscall.parameters.texts import NOBODY
from falcohost_syscall.processes.users import HOME, NAME, SHELL, UNKNOWN, Users

_UID: Final = layout.header("uid", 4)
_GID: Final = layout.header("gid", 4)
_LOGINUID: Final = layout.header("loginuid", 4)


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


def described(row: Call, ref: FieldRef, users: Users) -> Named | None:
    """Describe a field that is a column of the accounts of *users*; None: it is no such field."""
    if ref.field.name == "evt.arg":
        return _argument(values.find(row, ref.arg if ref.arg is not None else ""), users)
    if ref.field.name not in ACCOUNTS:
        return None
    number, texts = ACCOUNTS[ref.field.name]
    return Named(number, {key: text for key, text in texts(users).items() if key < UNSET})


def _argument(param: Param | None, users: Users) -> Named | None:
    """Describe the name of the user or group that was passed."""
    if param is None or param.kind not in _PASSED or not param.source.isdigit():
        return None
    texts = {key: text or str(key) for key, text in _PASSED[param.kind](users).items() if key < UNSET}
    return Named(layout.argument(int(param.source), 4), {**texts, UNSET: NOBODY})


_Column = Callable[[Users], dict[int, str]]
_names: Final[_Column] = lambda users: users.users.columns(NAME)  # noqa: E731
_groups: Final[_Column] = lambda users: users.groups.columns(NAME)  # noqa: E731

_PASSED: Final[dict[str, _Column]] = {"uid": _names, "gid": _groups}

ACCOUNTS: Final[dict[str, tuple[Number, _Column]]] = {
    "user.name": (_UID, _names),
    "user.homedir": (_UID, lambda users: users.users.columns(HOME)),
    "user.shell": (_UID, lambda users: users.users.columns(SHELL)),
    "user.loginname": (_LOGINUID, _names),
    "group.name": (_GID, _groups),
    "user.group": (_GID, _groups),
}

#: The fields that filters ask for by the accounts' names.
ASKED: Final = frozenset({*ACCOUNTS, "evt.arg"})
