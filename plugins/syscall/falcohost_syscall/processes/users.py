"""Looks up names of users and groups in this machine's files, which are read again when they change."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TypeAlias

#: Seconds between two looks at the files.
INTERVAL = 1.0
UNKNOWN = "<NA>"

#: Most digits of the number of a user or group.
LONGEST_NUMBER = 10

#: Columns of /etc/passwd and /etc/group.
NAME, HOME, SHELL = 0, 5, 6


#: When a file was changed, its size and its inode; None: there is none.
Stamp: TypeAlias = tuple[int, int, int] | None

#: Below this folder are the files with accounts.
ROOT = Path("/")
_USERS, _GROUPS = "etc/passwd", "etc/group"


def stamps() -> list[Stamp]:
    """Return the states of the files with accounts."""
    return [_stamp(ROOT / name) for name in (_USERS, _GROUPS)]


def _stamp(path: Path) -> Stamp:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


class Accounts:
    """The lines of a file such as ``/etc/passwd``, by the number in the third column."""

    def __init__(self, path: Path, default: dict[int, list[str]]) -> None:
        self._path = path
        self._default = default
        self._rows: dict[int, list[str]] = default
        self._stamp: Stamp = None
        self.refresh()

    def column(self, number: int, place: int) -> str:
        """Return a column of the account *number*, or ``<NA>`` if there is none."""
        row = self._rows.get(number)
        return row[place] if row and len(row) > place else UNKNOWN

    def row(self, number: int) -> list[str]:
        """Return all columns of an account; none if there is none."""
        return self._rows.get(number, [])

    def columns(self, place: int) -> dict[int, str]:
        """Return a column of every account, by number."""
        return {number: self.column(number, place) for number in self._rows}

    def refresh(self) -> bool:
        """Read the file if it has changed; return whether its accounts have changed."""
        before = self._rows
        try:
            stamp = _stamp(self._path)
            if stamp is None or stamp != self._stamp:
                self._rows = self._default | parse(self._path.read_text(errors="backslashreplace"))
                self._stamp = stamp
        except OSError:
            self._rows, self._stamp = self._default, None
        return self._rows != before


def parse(content: str) -> dict[int, list[str]]:
    """Return the lines of a file such as ``/etc/passwd`` by the number in the third column."""
    rows: dict[int, list[str]] = {}
    for line in content.splitlines():
        columns = line.split(":")
        number = columns[2] if len(columns) > 2 else ""
        if number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER:
            rows.setdefault(int(number), columns)
    return rows


class Users:
    """Users and groups of this machine; containers have their own (``container_accounts``)."""

    def __init__(self, root: Path | None = None) -> None:
        root = ROOT if root is None else root
        self.users = Accounts(root / _USERS, {0: ["root", "x", "0", "0", "", "/root", ""]})
        self.groups = Accounts(root / _GROUPS, {0: ["root", "x", "0", ""]})
        self._due = time.monotonic() + INTERVAL

    def name(self, uid: int) -> str:
        """Return the name of a user, or ``<NA>``."""
        return self.users.column(uid, NAME)

    def home(self, uid: int) -> str:
        """Return a user's home directory, or ``<NA>``."""
        return self.users.column(uid, HOME)

    def shell(self, uid: int) -> str:
        """Return a user's login shell, or ``<NA>``."""
        return self.users.column(uid, SHELL)

    def group(self, gid: int) -> str:
        """Return the name of a group, or ``<NA>``."""
        return self.groups.column(gid, NAME)

    def refresh(self) -> bool:
        """Read changed files again, at most once per :data:`INTERVAL`; return whether an account changed."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + INTERVAL
        changed = [accounts.refresh() for accounts in (self.users, self.groups)]
        return any(changed)
