"""Runs the programs of a source as a user that no process of the agent has."""

from __future__ import annotations

import os
from collections.abc import Sequence

from msgspec import Struct

from falcohost.host.confine import seccomp
from falcohost.host.confine.capabilities import Identity, become, identity
from falcohost.host.confine.users import Users
from falcohost.host.precedence import give_up_precedence
from falcohost.log import log
from falcohost.needs import PROGRAM

#: What the process keeps that starts programs: it becomes their user, and no other, and ends them.
KEPT = frozenset({"CAP_SETUID", "CAP_KILL"})


class Programs(Struct, frozen=True):
    """The users of a source's programs.

    :ivar keeper: the user of the process that starts them; None: it stays.
    :ivar program: the user that they have where the settings name no other.
    """

    keeper: int | None
    program: int | None

    def __call__(self, user: str, groups: Sequence[str]) -> _Way:
        """Return how a program runs.

        :raises SourceError: there is no such user or group.
        """
        return _Way(self.keeper, identity(self.program, groups, user))


def programs_of(name: str, users: Users) -> Programs:
    """Return the users of the programs of *name*."""
    return Programs(users.user(f"helpers of {name}"), users.user(f"programs of {name}"))


class _Way(Struct, frozen=True):
    keeper: int | None
    program: Identity | None

    def keep(self) -> None:
        if self.program is None or self.keeper is None:
            become(None, frozenset())
        else:
            become(self.program._replace(user=self.keeper), KEPT)
        try:
            seccomp.restrict(frozenset({PROGRAM}))
            if self.program is not None:
                seccomp.only_become(self.program.user)
        except OSError as error:
            log.warning("system calls of programs are not restricted: %s", error.strerror)

    def become(self) -> None:
        give_up_precedence()
        if self.program is not None:
            os.setresuid(*[self.program.user] * 3)
        become(None, frozenset())
