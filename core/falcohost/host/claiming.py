"""Locks the state directory for the agent, and gives it to the user of the store."""

from __future__ import annotations

from pathlib import Path

from falcohost.errors import StateError
from falcohost.host.assignment import Assignment
from falcohost.host.confine.users import Users
from falcohost.log import log
from falcohost.store.directory import InUseError, claim, state_directory


class Claiming:
    """The state directory of *assignment*.

    :ivar directory: its path; None: there is none.
    :ivar user: the user of the store; None: that of this process.
    :ivar why: why it cannot be used; empty: it can.
    :ivar contested: another agent uses it.
    """

    def __init__(self, assignment: Assignment, users: Users) -> None:
        self.directory: Path | None = None
        self.user = users.user("store")
        self.why = ""
        self.contested = False
        self._configured = assignment.state_directory
        first, last = assignment.uids
        self._uids = range(first, last + 1)

    def first(self) -> int | None:
        """Return the descriptor that holds the lock; warn and return None if the directory cannot be used."""
        try:
            self.directory = state_directory(self._configured)
            return claim(self.directory, self.user, self._uids)
        except StateError as error:
            self.why, self.contested = str(error), isinstance(error, InUseError)
        until = "" if self.contested or self.directory is None else ", until that is mended"
        log.warning("%s; keeping the state of this run in memory only%s", self.why, until)
        return None

    def again(self) -> int:
        """Return the descriptor that holds the lock, without waiting for anybody.

        :raises StateError: the directory cannot be used.
        """
        assert self.directory is not None
        return claim(self.directory, self.user, self._uids, patience=0.0)
